"""Normal programming error, relative to the conductance, relative to the window, or absolute."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from devices.plausibility import warn_conductance, warn_ratio
from devices.programming.base import AbstractProgrammingError, add_normal_error
from devices.validation import check_choice, check_nonnegative
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class GaussianProgramming(AbstractProgrammingError):
    """`G = target + s N(0, 1)` with `s = spread * target`, `spread * (g_max - g_min)` or `spread`.

    Parameters
    ----------
    spread
        Standard deviation of the error, in units of `relative_to`.
    relative_to
        What `spread` multiplies: the target conductance, the window `g_max - g_min`, or 1 S (an absolute error).
    """

    spread: float
    relative_to: Literal["conductance", "window", "siemens"] = "window"

    def __post_init__(self) -> None:
        """Refuse a spread that cannot be."""
        check_nonnegative("spread", self.spread, hint="Use 0 for exact programming.")
        check_choice("relative_to", self.relative_to, ("conductance", "window", "siemens"))
        warn = warn_conductance if self.relative_to == "siemens" else warn_ratio
        warn("spread", self.spread)

    def sigma(self, target: Tensor, window: Window) -> Tensor:
        """Return the standard deviation [S], in the shape of `target`."""
        if self.relative_to == "conductance":
            return self.spread * target
        return torch.full_like(target, self.spread * (window.span if self.relative_to == "window" else 1.0))

    def apply(self, target: Tensor, window: Window, *, generator: torch.Generator | None = None) -> Tensor:
        """Return programmed conductances [S], clamped at 0."""
        return add_normal_error(target, self.sigma(target, window), generator=generator)
