"""Programming pulses repeated until a read finds the cell within a range of its target."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from devices.plausibility import warn_conductance, warn_ratio
from devices.programming.base import AbstractProgrammingError
from devices.randomness import standard_uniform
from devices.validation import check_choice, check_positive
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class WriteVerifyProgramming(AbstractProgrammingError):
    """A normal pulse of standard deviation `spread`, repeated until `|G - target| <= acceptance`.

    What is left is a normal distribution cut at the acceptance range; where the pulse is much wider than the range,
    that is a uniform one with `sigma = acceptance / sqrt(3)`. (CMO/HfOx at 2 % acceptance: 1.13 % measured, 1.15 %
    here.)

    Parameters
    ----------
    acceptance
        Half width of the range in which the loop stops, in units of `relative_to`.
    spread
        Standard deviation of one pulse about the target, in the same units.
    relative_to
        What both multiply: the target conductance, the window `g_max - g_min`, or 1 S.
    """

    acceptance: float
    spread: float
    relative_to: Literal["conductance", "window", "siemens"] = "conductance"

    def __post_init__(self) -> None:
        """Refuse ranges that cannot be."""
        check_positive("acceptance", self.acceptance, hint="Use ExactProgramming() for exact programming.")
        check_positive("spread", self.spread, hint="Use ExactProgramming() for exact programming.")
        check_choice("relative_to", self.relative_to, ("conductance", "window", "siemens"))
        warn = warn_conductance if self.relative_to == "siemens" else warn_ratio
        warn("acceptance", self.acceptance)

    @property
    def mean_pulses(self) -> float:
        """Pulses that a cell takes on average: each ends within the range with the same probability."""
        return 1 / math.erf(self.acceptance / self.spread / math.sqrt(2))

    def sigma(self, target: Tensor, window: Window) -> Tensor:
        """Return the standard deviation [S] of the cut normal distribution."""
        cut = self.acceptance / self.spread
        if cut < 1e-3:  # the closed form loses all digits here, where the distribution is uniform to 1e-7
            return self._unit(target, window) * (self.acceptance / math.sqrt(3))
        density = math.exp(-(cut**2) / 2) / math.sqrt(2 * math.pi)
        variance = 1 - 2 * cut * density / math.erf(cut / math.sqrt(2))
        return self._unit(target, window) * (self.spread * math.sqrt(variance))

    def apply(self, target: Tensor, window: Window, *, generator: torch.Generator | None = None) -> Tensor:
        """Return programmed conductances [S], clamped at 0."""
        inside = math.erf(self.acceptance / self.spread / math.sqrt(2))
        position = (2 * standard_uniform(target, generator=generator) - 1) * inside
        error = (math.sqrt(2) * self.spread * torch.erfinv(position)).clamp(-self.acceptance, self.acceptance)
        return torch.addcmul(target, error, self._unit(target, window)).clamp(min=0)

    def _unit(self, target: Tensor, window: Window) -> Tensor:
        if self.relative_to == "conductance":
            return target
        return torch.full_like(target, window.span if self.relative_to == "window" else 1.0)
