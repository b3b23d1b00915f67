"""The emulator, and the names that users need: `import crossbar as xb`.

A PyTorch network goes in, the same network comes out on emulated crossbars:

>>> config = xb.CrossbarConfig(device=xb.devices.RRAM, wires=xb.Wires(row=5.0, column=10.0))
>>> analog = xb.convert_to_analog(model, config)
>>> xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(0))
>>> outputs = analog(inputs)

`help` of any name below explains it; configs explain every field. SI units; arrays are (rows, cols): word lines, bit lines.

Contents
--------
Describe a technology
    CrossbarConfig, and its parts: Device, Wires, MappingConfig, InputConfig, ADC, WireCompensation, TrainingEffects.
    Published cells are in `xb.devices` (`devices.list_presets()`), and `devices.fit` makes one of measurements.
    lossless_bits. As text: config_to_json, config_from_json.
Convert a model
    convert_to_analog, convert_to_digital, digital_twin, analog_layers, named_analog_layers; what stands for layers of other
    libraries and your own: `crossbar.adapters`, ADAPTERS; DigitalLayerWarning.
Layers, made like torch's
    AnalogLinear, AnalogConv1d, AnalogConv2d, AnalogConv3d, AnalogConvTranspose1d, AnalogConvTranspose2d,
    AnalogConvTranspose3d; modules of several matrices: DecomposedRecurrent, DecomposedRecurrentCell, DecomposedAttention
    (once AnalogRecurrent, AnalogMultiheadAttention). ANALOG_LAYERS; for layers of your own: AbstractAnalogLayer,
    AbstractComposite, CrossbarArray, Plan.
What `train()` contains
    TrainingEffects, set_training_effects; noise for training: ChannelNoise, LearnedNoise, OutputShift, or a new
    AbstractTrainingNoise.
A chip and its life
    program_analog_weights, drift_analog_weights, remap_analog_weights, freeze_analog_weights; reset_pairs (of random
    memory); StaleChipWarning, NothingToCompensateWarning.
    Winning accuracy back: `import calibration`.
Where weights lie
    map_weight, Placement, mapping_report, adc_bits_report; more in `mapping`.
Programming for the wires
    compensate_wires (or `CrossbarConfig(compensation=...)`), compensation_report; in a closed loop program_by_products,
    ProductProgramming; digitally, for known stuck cells, correct_stuck_cells.
Wires
    transfer_matrix, solve_crossbar, input_admittance, read_power, split_read_power, ir_drop_estimate, plot_ir_drop.
Faults and attackers
    Bit flips on placed cells, the search for the worst, damage by encoding: `xb.attacks`. Arrays that test
    themselves by a checksum on bit lines of their own, and repairs: `xb.self_test`.
Spikes
    quantise_activations, calibrate_activations, QuantisedReLU, QuantisedIdentity; spiking_from_quantised,
    spiking_from_nir, run_over_time, TimeCourse, OverTime, reset_state; neurons: IntegrateAndFire,
    LeakyIntegrateAndFire, TernaryIntegrateAndFire; surrogate gradients are in `crossbar.spiking`.
Energy, latency, area
    count_events, cost_report, cost_table, compare_costs, peak_report, write_cost, tops_per_watt; prices: Architecture,
    Component, `xb.architectures`, scale_to_node, component_from_hwcomponents, architecture_to_json, architecture_from_json;
    converters: AbstractADCLaw, FixedADC, IsaacScalingADC, LinearInBitsADC, SurveyADC.
Studies
    Sweep, with_fields, process_pool, load_sweep, sweep_status, sweep_failures, SweepError, export_netcdf.
Pictures
    plot_against, plot_before_after, plot_heat_map, plot_pareto, plot_bit_planes, plot_cost_bars, save_figure.

From the command line: `python -m crossbar --help`.
"""

try:
    import devices as devices
    from devices import Device as Device
    from devices import Wires as Wires
    from mapping import MappingConfig as MappingConfig
    from mapping import Placement as Placement
    from mapping import map_weight as map_weight
except ImportError as error:
    raise ImportError(
        "aimc-crossbar needs its own packages `devices` and `mapping`, but another package of that name comes first on "
        "sys.path. Run from another folder, or install aimc-crossbar into an environment of its own."
    ) from error

from crossbar import attacks as attacks
from crossbar import self_test as self_test
from crossbar.adapters import ADAPTERS as ADAPTERS
from crossbar.adc_bits import adc_bits_report as adc_bits_report
from crossbar.array import CrossbarArray as CrossbarArray
from crossbar.array import Plan as Plan
from crossbar.compensation import NothingToCompensateWarning as NothingToCompensateWarning
from crossbar.compensation.products import ProductProgramming as ProductProgramming
from crossbar.compensation.products import program_by_products as program_by_products
from crossbar.compensation.report import compensation_report as compensation_report
from crossbar.compensation.reprogram import compensate_wires as compensate_wires
from crossbar.compensation.stuck_correction import correct_stuck_cells as correct_stuck_cells
from crossbar.config import CrossbarConfig as CrossbarConfig
from crossbar.conversion import DigitalLayerWarning as DigitalLayerWarning
from crossbar.conversion import analog_layers as analog_layers
from crossbar.conversion import convert_to_analog as convert_to_analog
from crossbar.conversion import convert_to_digital as convert_to_digital
from crossbar.conversion import named_analog_layers as named_analog_layers
from crossbar.converters import ADC as ADC
from crossbar.converters import InputConfig as InputConfig
from crossbar.converters import lossless_bits as lossless_bits
from crossbar.cost import AbstractADCLaw as AbstractADCLaw
from crossbar.cost import Architecture as Architecture
from crossbar.cost import Component as Component
from crossbar.cost import FixedADC as FixedADC
from crossbar.cost import IsaacScalingADC as IsaacScalingADC
from crossbar.cost import LinearInBitsADC as LinearInBitsADC
from crossbar.cost import SurveyADC as SurveyADC
from crossbar.cost import architecture_from_json as architecture_from_json
from crossbar.cost import architecture_to_json as architecture_to_json
from crossbar.cost import architectures as architectures
from crossbar.cost import compare_costs as compare_costs
from crossbar.cost import component_from_hwcomponents as component_from_hwcomponents
from crossbar.cost import cost_report as cost_report
from crossbar.cost import cost_table as cost_table
from crossbar.cost import count_events as count_events
from crossbar.cost import peak_report as peak_report
from crossbar.cost import scale_to_node as scale_to_node
from crossbar.cost import tops_per_watt as tops_per_watt
from crossbar.cost import write_cost as write_cost
from crossbar.freezing import freeze_analog_weights as freeze_analog_weights
from crossbar.layers import ANALOG_LAYERS as ANALOG_LAYERS
from crossbar.layers import AbstractAnalogLayer as AbstractAnalogLayer
from crossbar.layers import AbstractComposite as AbstractComposite
from crossbar.layers import AnalogConv1d as AnalogConv1d
from crossbar.layers import AnalogConv2d as AnalogConv2d
from crossbar.layers import AnalogConv3d as AnalogConv3d
from crossbar.layers import AnalogConvTranspose1d as AnalogConvTranspose1d
from crossbar.layers import AnalogConvTranspose2d as AnalogConvTranspose2d
from crossbar.layers import AnalogConvTranspose3d as AnalogConvTranspose3d
from crossbar.layers import AnalogLinear as AnalogLinear
from crossbar.layers import AnalogMultiheadAttention as AnalogMultiheadAttention
from crossbar.layers import AnalogRecurrent as AnalogRecurrent
from crossbar.layers import DecomposedAttention as DecomposedAttention
from crossbar.layers import DecomposedRecurrent as DecomposedRecurrent
from crossbar.layers import DecomposedRecurrentCell as DecomposedRecurrentCell
from crossbar.layers.stale_chip import StaleChipWarning as StaleChipWarning
from crossbar.lifecycle import drift_analog_weights as drift_analog_weights
from crossbar.lifecycle import program_analog_weights as program_analog_weights
from crossbar.mapping_report import mapping_report as mapping_report
from crossbar.parasitics import input_admittance as input_admittance
from crossbar.parasitics import ir_drop_estimate as ir_drop_estimate
from crossbar.parasitics import plot_ir_drop as plot_ir_drop
from crossbar.parasitics import read_power as read_power
from crossbar.parasitics import solve_crossbar as solve_crossbar
from crossbar.parasitics import split_read_power as split_read_power
from crossbar.parasitics import transfer_matrix as transfer_matrix
from crossbar.plots import plot_against as plot_against
from crossbar.plots import plot_before_after as plot_before_after
from crossbar.plots import plot_bit_planes as plot_bit_planes
from crossbar.plots import plot_cost_bars as plot_cost_bars
from crossbar.plots import plot_heat_map as plot_heat_map
from crossbar.plots import plot_pareto as plot_pareto
from crossbar.plots import save_figure as save_figure
from crossbar.random_memory import reset_pairs as reset_pairs
from crossbar.remapping import remap_analog_weights as remap_analog_weights
from crossbar.serialization import config_from_json as config_from_json
from crossbar.serialization import config_to_json as config_to_json
from crossbar.spiking import IntegrateAndFire as IntegrateAndFire
from crossbar.spiking import LeakyIntegrateAndFire as LeakyIntegrateAndFire
from crossbar.spiking import OverTime as OverTime
from crossbar.spiking import QuantisedIdentity as QuantisedIdentity
from crossbar.spiking import QuantisedReLU as QuantisedReLU
from crossbar.spiking import TernaryIntegrateAndFire as TernaryIntegrateAndFire
from crossbar.spiking import TimeCourse as TimeCourse
from crossbar.spiking import calibrate_activations as calibrate_activations
from crossbar.spiking import quantise_activations as quantise_activations
from crossbar.spiking import reset_state as reset_state
from crossbar.spiking import run_over_time as run_over_time
from crossbar.spiking import spiking_from_nir as spiking_from_nir
from crossbar.spiking import spiking_from_quantised as spiking_from_quantised
from crossbar.sweeps import Sweep as Sweep
from crossbar.sweeps import SweepError as SweepError
from crossbar.sweeps import export_netcdf as export_netcdf
from crossbar.sweeps import load_sweep as load_sweep
from crossbar.sweeps import process_pool as process_pool
from crossbar.sweeps import sweep_failures as sweep_failures
from crossbar.sweeps import sweep_status as sweep_status
from crossbar.sweeps import with_fields as with_fields
from crossbar.training_effects import TrainingEffects as TrainingEffects
from crossbar.training_noise import AbstractTrainingNoise as AbstractTrainingNoise
from crossbar.training_noise import ChannelNoise as ChannelNoise
from crossbar.training_noise import LearnedNoise as LearnedNoise
from crossbar.training_noise import OutputShift as OutputShift
from crossbar.training_settings import set_training_effects as set_training_effects
from crossbar.twins import digital_twin as digital_twin
from crossbar.wire_compensation import WireCompensation as WireCompensation
