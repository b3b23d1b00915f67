"""The linear cell."""

from dataclasses import dataclass
from typing import final

from torch import Tensor

from devices.current_voltage.base import AbstractCurrentVoltage


@final
@dataclass(frozen=True, kw_only=True)
class Ohmic(AbstractCurrentVoltage):
    """`I = G v`."""

    def current(self, voltage: Tensor, conductance: Tensor) -> Tensor:
        """Return `G v` [A]."""
        return conductance * voltage

    def differential_conductance(self, voltage: Tensor, conductance: Tensor) -> Tensor:
        """Return `G` [S] in the common shape."""
        return conductance.expand_as(voltage)

    def shapes(self, voltage: Tensor) -> Tensor:
        """Return `v`, (1, ...)."""
        return voltage[None]
