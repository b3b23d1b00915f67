"""A law of third order in the voltage, whose coefficients depend on the conductance."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from devices.arithmetic import evaluate_polynomial
from devices.current_voltage.base import AbstractCurrentVoltage
from devices.validation import FieldValueError, check_numbers, check_positive


@final
@dataclass(frozen=True, kw_only=True)
class Cubic(AbstractCurrentVoltage):
    """`I = G v + c2(l) v |v| + c3(l) v^3` with `l = log10(G / 1 S)` and polynomials c2 and c3.

    Milo et al., IRPS 2021, as in CrossSim; they state it for positive voltages, here it is odd. Outside the measured
    conductances the coefficients of the nearer bound are scaled with the conductance, so an open cell carries nothing.

    Parameters
    ----------
    quadratic
        Coefficients of c2 in l, from the constant term upwards [A/V^2].
    cubic
        Coefficients of c3 in l, from the constant term upwards [A/V^3].
    g_min
        Lowest measured conductance [S].
    g_max
        Highest measured conductance [S].
    """

    quadratic: tuple[float, ...]
    cubic: tuple[float, ...]
    g_min: float
    g_max: float

    def __post_init__(self) -> None:
        """Refuse polynomials and bounds that cannot be."""
        check_numbers("quadratic", self.quadratic, at_least=1)
        check_numbers("cubic", self.cubic, at_least=1)
        check_positive("g_min", self.g_min, hint="The coefficients take its logarithm.")
        check_positive("g_max", self.g_max)
        if self.g_max < self.g_min:
            raise FieldValueError(f"`g_max` must be >= `g_min`. Got {self.g_max!r} and {self.g_min!r}.", "g_max")

    def current(self, voltage: Tensor, conductance: Tensor) -> Tensor:
        """Return the current [A], in the common shape."""
        second, third = self._coefficients(conductance)
        return voltage * (conductance + second * voltage.abs() + third * voltage.square())

    def differential_conductance(self, voltage: Tensor, conductance: Tensor) -> Tensor:
        """Return `G + 2 c2 |v| + 3 c3 v^2` [S], in the common shape."""
        second, third = self._coefficients(conductance)
        return conductance + 2 * second * voltage.abs() + 3 * third * voltage.square()

    def shapes(self, voltage: Tensor) -> Tensor:
        """Return `v`, `v |v|` and `v^3`, (3, ...)."""
        return torch.stack([voltage, voltage * voltage.abs(), voltage**3])

    def _coefficients(self, conductance: Tensor) -> tuple[Tensor, Tensor]:
        measured = conductance.clamp(self.g_min, self.g_max)
        logarithm = torch.log10(measured)
        scale = conductance / measured
        return scale * evaluate_polynomial(self.quadratic, logarithm), scale * evaluate_polynomial(
            self.cubic, logarithm
        )
