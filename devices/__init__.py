"""Pure device physics on tensors: conductances in siemens, times in seconds."""

from devices.device import Device as Device
from devices.drift import AbstractDrift as AbstractDrift
from devices.drift import PowerLawDrift as PowerLawDrift
from devices.lifecycle import ProgrammedCells as ProgrammedCells
from devices.lifecycle import conductance_at as conductance_at
from devices.lifecycle import level_conductances as level_conductances
from devices.lifecycle import program_cells as program_cells
from devices.lifecycle import read_conductance as read_conductance
from devices.lifecycle import read_noise_variance as read_noise_variance
from devices.lifecycle import redraw_drift as redraw_drift
from devices.lifecycle import snap_to_levels as snap_to_levels
from devices.presets import PCM_I as PCM_I
from devices.presets import PCM_II as PCM_II
from devices.presets import RRAM as RRAM
from devices.presets import FeFET as FeFET
from devices.presets import Ideal as Ideal
from devices.programming import AbstractProgrammingError as AbstractProgrammingError
from devices.programming import ExactProgramming as ExactProgramming
from devices.programming import GaussianProgramming as GaussianProgramming
from devices.read_noise import AbstractReadNoise as AbstractReadNoise
from devices.read_noise import AffineReadNoise as AffineReadNoise
from devices.read_noise import RelativeReadNoise as RelativeReadNoise
from devices.stuck_cells import StuckCells as StuckCells
from devices.stuck_cells import stuck_cells_from_maps as stuck_cells_from_maps
from devices.window import Window as Window
from devices.wires import Wires as Wires
