"""Lognormal programming error."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from devices.plausibility import warn_ratio
from devices.programming.base import AbstractProgrammingError
from devices.randomness import standard_normal
from devices.validation import check_nonnegative
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class LognormalProgramming(AbstractProgrammingError):
    """`G = target exp(log_spread N(0, 1))`: the median is the target, the mean `exp(log_spread^2 / 2)` times it.

    The form used for resistance spread in RRAM, e.g. Long et al., DATE 2019 (`w exp(theta)`, theta normal).

    Parameters
    ----------
    log_spread
        Standard deviation of `ln G`.
    """

    log_spread: float

    def __post_init__(self) -> None:
        """Refuse a spread that cannot be."""
        check_nonnegative("log_spread", self.log_spread)
        warn_ratio("log_spread", self.log_spread)

    def sigma(self, target: Tensor, window: Window) -> Tensor:
        """Return the standard deviation [S], `target exp(s^2/2) sqrt(exp(s^2) - 1)`."""
        variance = self.log_spread**2
        return target * (math.exp(variance / 2) * math.sqrt(math.expm1(variance)))

    def apply(self, target: Tensor, window: Window, *, generator: torch.Generator | None = None) -> Tensor:
        """Return programmed conductances [S]."""
        return target * torch.exp(self.log_spread * standard_normal(target, generator=generator))
