"""Decay with the logarithm of time."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from devices.drift.base import AbstractDrift, require_state
from devices.randomness import standard_normal
from devices.validation import check_finite, check_nonnegative, check_positive
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class LogarithmicDrift(AbstractDrift):
    """`G(t) = G + mean_slope L + (spread_slope L + spread_offset) z`, `L = ln(t / t0)`, z standard normal per cell.

    It does not depend on the conductance. From `t0` on; the offset of the spread is what happens before `t0`, so the
    conductances step there. As fitted on CMO/HfOx ReRAM.

    Parameters
    ----------
    mean_slope
        Change of the mean per factor e of time [S]; negative where conductance falls.
    spread_slope
        Growth of the standard deviation per factor e of time [S].
    spread_offset
        Standard deviation at `t0` [S].
    t0
        First time the law holds for [s]; nothing moves before.
    """

    mean_slope: float
    spread_slope: float
    spread_offset: float = 0.0
    t0: float = 1.0

    def __post_init__(self) -> None:
        """Refuse parameters that cannot be."""
        check_finite("mean_slope", self.mean_slope)
        check_nonnegative("spread_slope", self.spread_slope)
        check_nonnegative("spread_offset", self.spread_offset)
        check_positive("t0", self.t0)

    def draw(self, target: Tensor, window: Window, *, generator: torch.Generator | None = None) -> Tensor | None:
        """Return each cell's standard normal, in the shape of `target`."""
        return standard_normal(target, generator=generator)

    def apply(self, programmed: Tensor, *, target: Tensor, state: Tensor | None, t: float, window: Window) -> Tensor:
        """Return the conductances [S] at `t` seconds; a low one may have fallen below 0."""
        if t < self.t0:
            return programmed
        elapsed = math.log(t / self.t0)
        spread = self.spread_slope * elapsed + self.spread_offset
        return torch.add(programmed, require_state(state), alpha=spread).add_(self.mean_slope * elapsed)
