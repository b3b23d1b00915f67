"""The cell whose current grows exponentially with voltage, as by hopping or tunnelling through a gap."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from devices.current_voltage.base import AbstractCurrentVoltage
from devices.validation import check_positive


@final
@dataclass(frozen=True, kw_only=True)
class Sinh(AbstractCurrentVoltage):
    """`I = G v0 sinh(v / v0)`: ohmic with conductance G far below `v0`, exponential far above.

    The usual compact form of conduction in filamentary ReRAM, `I = I0 exp(-g/g0) sinh(V/V0)` (Guan, Yu and Wong, IEEE
    Electron Device Lett. 33, 1405, 2012), with gap and prefactor written as the conductance at 0 V.

    Parameters
    ----------
    v0
        Voltage scale of the non-linearity [V].
    """

    v0: float

    def __post_init__(self) -> None:
        """Refuse a scale that cannot be."""
        check_positive("v0", self.v0, hint="Use Ohmic() for a linear cell.")

    def current(self, voltage: Tensor, conductance: Tensor) -> Tensor:
        """Return `G v0 sinh(v / v0)` [A]."""
        return conductance * (self.v0 * torch.sinh(voltage / self.v0))

    def differential_conductance(self, voltage: Tensor, conductance: Tensor) -> Tensor:
        """Return `G cosh(v / v0)` [S]."""
        return conductance * torch.cosh(voltage / self.v0)

    def shapes(self, voltage: Tensor) -> Tensor:
        """Return `sinh(v / v0)`, (1, ...)."""
        return torch.sinh(voltage / self.v0)[None]
