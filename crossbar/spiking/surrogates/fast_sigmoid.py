"""The fast-sigmoid surrogate."""

from dataclasses import dataclass
from typing import final

from torch import Tensor

from crossbar.spiking.surrogates.base import AbstractSurrogate
from devices.validation import check_positive


@final
@dataclass(frozen=True, kw_only=True)
class FastSigmoidSurrogate(AbstractSurrogate):
    """The derivative `1 / (1 + k |u|)^2` (Zenke and Ganguli, Neural Computation 2018, arXiv 1705.11146).

    Parameters
    ----------
    sharpness
        `k`; the larger, the fewer membranes far from the threshold learn.
    """

    sharpness: float = 25.0

    def __post_init__(self) -> None:
        """Refuse a sharpness that cannot be."""
        check_positive("sharpness", self.sharpness)

    def smooth(self, excess: Tensor) -> Tensor:
        """Return `u / (1 + k |u|)`."""
        return excess / (1 + self.sharpness * excess.abs())
