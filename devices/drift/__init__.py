"""How a programmed conductance moves with time."""

from devices.drift.arrhenius import ArrheniusDrift as ArrheniusDrift
from devices.drift.base import AbstractDrift as AbstractDrift
from devices.drift.logarithmic import LogarithmicDrift as LogarithmicDrift
from devices.drift.power_law import PowerLawDrift as PowerLawDrift
from devices.drift.relaxation import RelaxationDrift as RelaxationDrift
from devices.drift.state_dependent_power_law import StateDependentPowerLawDrift as StateDependentPowerLawDrift
