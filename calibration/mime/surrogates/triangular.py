"""A triangle."""

from dataclasses import dataclass

from torch import Tensor

from calibration.mime.surrogates.base import AbstractSurrogate
from devices.validation import check_positive


@dataclass(frozen=True, kw_only=True)
class TriangularSurrogate(AbstractSurrogate):
    """`height * max(0, 1 - |u| / width)`; the defaults are those of SpikeSim's spiking neurons.

    Parameters
    ----------
    height
        Slope at the threshold.
    width
        Distance from the threshold at which the slope ends, in units of the activation.
    """

    height: float = 0.3
    width: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a triangle that cannot be."""
        check_positive("height", self.height)
        check_positive("width", self.width)

    def slope(self, distance: Tensor) -> Tensor:
        """Return the triangle at `distance`."""
        return self.height * (1 - distance.abs() / self.width).clamp(min=0)
