"""Normal programming error whose standard deviation is a polynomial in the conductance."""

from dataclasses import dataclass

import torch
from torch import Tensor

from devices.arithmetic import evaluate_polynomial
from devices.programming.base import AbstractProgrammingError, add_normal_error
from devices.validation import check_numbers, check_positive
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class PolynomialProgramming(AbstractProgrammingError):
    """`sigma = max(0, c0 + c1 r + c2 r^2 + ...)` with `r = target / reference`.

    The polynomial belongs to absolute conductances: a narrower window uses a part of it, nothing is rescaled. Published
    fits differ in the power of r they stop at and in the reference they are printed for, so both are part of the value.

    Parameters
    ----------
    coefficients
        From the constant term upwards [S].
    reference
        Conductance the fit is normalised to, usually the `g_max` of the measured devices [S].
    """

    coefficients: tuple[float, ...]
    reference: float

    def __post_init__(self) -> None:
        """Refuse an empty polynomial."""
        check_numbers("coefficients", self.coefficients, at_least=1, hint="They are in siemens.")
        check_positive("reference", self.reference, hint="It is in siemens.")

    def sigma(self, target: Tensor, window: Window) -> Tensor:
        """Return the standard deviation [S], in the shape of `target`."""
        return evaluate_polynomial(self.coefficients, target / self.reference).clamp_(min=0)

    def apply(self, target: Tensor, window: Window, *, generator: torch.Generator | None = None) -> Tensor:
        """Return programmed conductances [S], clamped at 0."""
        return add_normal_error(target, self.sigma(target, window), generator=generator)
