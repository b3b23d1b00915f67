"""A measured curve."""

from dataclasses import dataclass

from torch import Tensor

from devices.arithmetic import interpolate
from devices.curves.base import AbstractCurve
from devices.validation import check_increasing, check_numbers


@dataclass(frozen=True, kw_only=True)
class Table(AbstractCurve):
    """Straight lines between measured points; the end values hold beyond the ends.

    Parameters
    ----------
    arguments
        Where it was measured, increasing.
    values
        What was measured there.
    """

    arguments: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse tables that do not match or do not increase."""
        check_increasing("arguments", self.arguments)
        check_numbers("values", self.values, exactly=len(self.arguments))

    def __call__(self, x: Tensor) -> Tensor:
        """Return the interpolated table at `x`."""
        return interpolate(x, self.arguments, self.values)
