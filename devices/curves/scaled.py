"""A curve times a number."""

from dataclasses import dataclass

from torch import Tensor

from devices.curves.base import AbstractCurve
from devices.validation import check_finite, check_instance


@dataclass(frozen=True, kw_only=True)
class Scaled(AbstractCurve):
    """`factor * curve(x)`.

    Parameters
    ----------
    curve
        The curve.
    factor
        What it is multiplied by.
    """

    curve: AbstractCurve
    factor: float

    def __post_init__(self) -> None:
        """Refuse what is not a number."""
        check_instance("curve", self.curve, AbstractCurve)
        check_finite("factor", self.factor)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the scaled curve at `x`."""
        return self.factor * self.curve(x)
