"""A polynomial."""

from dataclasses import dataclass

from torch import Tensor

from devices.arithmetic import evaluate_polynomial
from devices.curves.base import AbstractCurve
from devices.validation import check_numbers


@dataclass(frozen=True, kw_only=True)
class Polynomial(AbstractCurve):
    """`c0 + c1 x + c2 x^2 + ...`.

    Parameters
    ----------
    coefficients
        From the constant term upwards.
    """

    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse an empty polynomial."""
        check_numbers("coefficients", self.coefficients, at_least=1)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the polynomial at `x`."""
        return evaluate_polynomial(self.coefficients, x)
