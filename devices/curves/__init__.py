"""Functions of one variable, as values: how a parameter of a device depends on the conductance."""

from devices.curves.base import AbstractCurve as AbstractCurve
from devices.curves.clamped_logarithm import ClampedLogarithm as ClampedLogarithm
from devices.curves.clamped_power import ClampedPower as ClampedPower
from devices.curves.constant import Constant as Constant
from devices.curves.piecewise import Piecewise as Piecewise
from devices.curves.polynomial import Polynomial as Polynomial
from devices.curves.saturation import Saturation as Saturation
from devices.curves.scaled import Scaled as Scaled
from devices.curves.table import Table as Table
