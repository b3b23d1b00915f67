"""Cells that are formed and never programmed: random conductances, whatever was asked for."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from devices.plausibility import warn_conductance, warn_ratio
from devices.programming.base import AbstractProgrammingError
from devices.randomness import standard_normal
from devices.validation import check_nonnegative, check_positive
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class AsFormedProgramming(AbstractProgrammingError):
    """`G = median exp(log_spread N(0, 1))` in every cell; the target is ignored.

    Electroforming leaves a conductance that nobody chose. Networks whose random weights are such cells are trained by
    choosing which of them stay (Nat. Commun. 2026, doi 10.1038/s41467-025-67960-6, on a 40 nm chip), or by a read-out
    alone. The two numbers are those of a process: give the ones that were measured.

    Parameters
    ----------
    median
        Median conductance of formed cells [S].
    log_spread
        Standard deviation of `ln G`.
    """

    median: float
    log_spread: float

    def __post_init__(self) -> None:
        """Refuse a distribution that cannot be."""
        check_positive("median", self.median, hint="It is in siemens.")
        warn_conductance("median", self.median)
        check_nonnegative("log_spread", self.log_spread)
        warn_ratio("log_spread", self.log_spread)

    @property
    def mean(self) -> float:
        """Mean conductance of formed cells, `median exp(log_spread^2 / 2)` [S]."""
        return self.median * math.exp(self.log_spread**2 / 2)

    def sigma(self, target: Tensor, window: Window) -> Tensor:
        """Return the standard deviation of formed cells [S], `mean sqrt(exp(log_spread^2) - 1)`, for any target."""
        return torch.full_like(target, self.mean * math.sqrt(math.expm1(self.log_spread**2)))

    def apply(self, target: Tensor, window: Window, *, generator: torch.Generator | None = None) -> Tensor:
        """Return formed conductances [S], one draw per element of `target`."""
        # The target stays in the graph, so that its gradient is 0 and not missing.
        return self.median * torch.exp(self.log_spread * standard_normal(target, generator=generator)) + 0 * target
