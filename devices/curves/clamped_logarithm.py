"""A logarithm between two bounds."""

from dataclasses import dataclass

from torch import Tensor

from devices.curves.base import SMALLEST_ARGUMENT, AbstractCurve
from devices.validation import FieldValueError, check_finite


@dataclass(frozen=True, kw_only=True)
class ClampedLogarithm(AbstractCurve):
    """`clamp(slope ln x + intercept, low, high)`.

    Parameters
    ----------
    slope
        Change per factor e of the argument.
    intercept
        Value at 1.
    low
        Lower bound.
    high
        Upper bound.
    """

    slope: float
    intercept: float
    low: float
    high: float

    def __post_init__(self) -> None:
        """Refuse bounds that cross."""
        for name in ("slope", "intercept", "low", "high"):
            check_finite(name, getattr(self, name))
        if self.low > self.high:
            raise FieldValueError(f"`low` must be <= `high`. Got {self.low!r} and {self.high!r}.", "low")

    def __call__(self, x: Tensor) -> Tensor:
        """Return the clamped logarithm at `x`."""
        logarithm = x.clamp(min=SMALLEST_ARGUMENT).log_()
        return logarithm.mul_(self.slope).add_(self.intercept).clamp_(self.low, self.high)
