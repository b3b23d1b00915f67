"""The arctangent surrogate."""

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from crossbar.spiking.surrogates.base import AbstractSurrogate
from devices.validation import check_positive


@final
@dataclass(frozen=True, kw_only=True)
class ArctangentSurrogate(AbstractSurrogate):
    """The derivative `(a / 2) / (1 + (pi a u / 2)^2)` (Fang et al., ICCV 2021, arXiv 2007.05785).

    Parameters
    ----------
    sharpness
        `a`, twice the derivative at the threshold.
    """

    sharpness: float = 2.0

    def __post_init__(self) -> None:
        """Refuse a sharpness that cannot be."""
        check_positive("sharpness", self.sharpness)

    def smooth(self, excess: Tensor) -> Tensor:
        """Return `atan(pi a u / 2) / pi + 1/2`."""
        return torch.atan(excess * (0.5 * math.pi * self.sharpness)) / math.pi + 0.5
