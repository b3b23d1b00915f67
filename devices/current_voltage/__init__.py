"""Laws of the current through one cell."""

from devices.current_voltage.base import AbstractCurrentVoltage as AbstractCurrentVoltage
from devices.current_voltage.cubic import Cubic as Cubic
from devices.current_voltage.ohmic import Ohmic as Ohmic
from devices.current_voltage.own_function import OwnFunction as OwnFunction
from devices.current_voltage.sinh import Sinh as Sinh
from devices.current_voltage.tabulated import Tabulated as Tabulated
