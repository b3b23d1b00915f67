"""A power below a bound."""

from dataclasses import dataclass

from torch import Tensor

from devices.curves.base import SMALLEST_ARGUMENT, AbstractCurve
from devices.validation import check_finite


@dataclass(frozen=True, kw_only=True)
class ClampedPower(AbstractCurve):
    """`min(scale x^exponent, high)`.

    Parameters
    ----------
    scale
        Value at 1.
    exponent
        Power of the argument.
    high
        Upper bound.
    """

    scale: float
    exponent: float
    high: float

    def __post_init__(self) -> None:
        """Refuse what is not a number."""
        for name in ("scale", "exponent", "high"):
            check_finite(name, getattr(self, name))

    def __call__(self, x: Tensor) -> Tensor:
        """Return the bounded power at `x`."""
        return (self.scale * x.clamp(min=SMALLEST_ARGUMENT) ** self.exponent).clamp_(max=self.high)
