"""The triangular surrogate."""

from dataclasses import dataclass
from typing import final

from torch import Tensor

from crossbar.spiking.surrogates.base import AbstractSurrogate
from devices.validation import check_positive


@final
@dataclass(frozen=True, kw_only=True)
class TriangularSurrogate(AbstractSurrogate):
    """The derivative `max(0, 1 - |u| / w) / w` (Bellec et al., NeurIPS 2018, arXiv 1803.09574).

    Parameters
    ----------
    width
        `w`: how far from the threshold a membrane still learns, in thresholds.
    """

    width: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a width that cannot be."""
        check_positive("width", self.width)

    def smooth(self, excess: Tensor) -> Tensor:
        """Return the integral of the triangle, 0 before it and 1 behind it."""
        reach = (excess / self.width).clamp(-1, 1)
        return 0.5 + reach * (1 - 0.5 * reach.abs())
