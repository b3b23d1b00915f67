"""Conductances that relax away from where they were programmed."""

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from devices.arithmetic import square_root
from devices.curves.base import AbstractCurve
from devices.drift.base import AbstractDrift, require_state
from devices.randomness import standard_normal
from devices.validation import (
    FieldValueError,
    check_choice,
    check_instances,
    check_nonnegative,
    check_numbers,
    check_positive,
)
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class RelaxationDrift(AbstractDrift):
    """The total error grows from `sigma_0(target)` at the first measured time to `sigma(target, t)`.

    Sources that measure the distribution again after some time state a total standard deviation for each of them. Each
    cell keeps its programming error (which should be the one at the first time) and moves on by
    `sqrt(sigma(t)^2 - sigma_0^2) z`, z standard normal and its own, so that the total comes out as stated while a
    cell's history stays one history. Between the times sigma is interpolated; beyond the last one there is no data.

    Parameters
    ----------
    times
        Times after programming at which it was measured, increasing [s]; nothing moves before the first.
    sigmas
        Total standard deviation [S] at each of these times, against `target / reference`.
    reference
        Conductance the fits are normalised to [S].
    interpolation
        Whether sigma moves with the logarithm of time between two measurements, or with time.
    """

    times: tuple[float, ...]
    sigmas: tuple[AbstractCurve, ...]
    reference: float
    interpolation: Literal["logarithmic", "linear"] = "logarithmic"

    def __post_init__(self) -> None:
        """Refuse times that do not increase or do not match the curves."""
        check_numbers("times", self.times, at_least=2)
        check_choice("interpolation", self.interpolation, ("logarithmic", "linear"))
        if self.interpolation == "logarithmic":
            check_positive("times", self.times[0], hint='Use interpolation="linear" from 0 s on.')
        check_nonnegative("times", self.times[0])
        if any(left >= right for left, right in itertools.pairwise(self.times)):
            raise FieldValueError(f"`times` must increase strictly. Got {self.times!r}.", "times")
        check_instances("sigmas", self.sigmas, AbstractCurve)
        if len(self.sigmas) != len(self.times):
            raise FieldValueError(
                f"`sigmas` must hold one curve per time, {len(self.times)}. Got {len(self.sigmas)}.", "sigmas"
            )
        check_positive("reference", self.reference, hint="It is in siemens.")

    def draw(self, target: Tensor, window: Window, *, generator: torch.Generator | None = None) -> Tensor | None:
        """Return each cell's standard normal, in the shape of `target`."""
        return standard_normal(target, generator=generator)

    def sigma(self, target: Tensor, t: float) -> Tensor:
        """Return the total standard deviation [S] at `t` seconds, in the shape of `target`.

        Raises
        ------
        ValueError
            If `t` lies beyond the last measured time.
        """
        if t > self.times[-1]:
            raise ValueError(
                f"`t` must be <= {self.times[-1]:g} s, the last time this relaxation was measured at. Got {t:g} s."
            )
        ratio = target / self.reference
        if t <= self.times[0]:
            return self.sigmas[0](ratio).clamp_(min=0)
        after = next(index for index, time in enumerate(self.times) if t <= time)
        scale = math.log if self.interpolation == "logarithmic" else float
        left, right = scale(self.times[after - 1]), scale(self.times[after])
        share = (scale(t) - left) / (right - left)
        later = self.sigmas[after](ratio)
        sigma = later if share == 1 else torch.lerp(self.sigmas[after - 1](ratio), later, share)
        return sigma.clamp_(min=0)

    def apply(self, programmed: Tensor, *, target: Tensor, state: Tensor | None, t: float, window: Window) -> Tensor:
        """Return the conductances [S] at `t` seconds; a low one may have moved below 0."""
        if t <= self.times[0]:
            return programmed
        before, now = self.sigma(target, self.times[0]), self.sigma(target, t)
        gained = (now - before).mul_(now.add_(before))
        return torch.addcmul(programmed, square_root(gained), require_state(state))
