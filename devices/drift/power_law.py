"""Power-law drift."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from devices.drift.base import AbstractDrift, require_state
from devices.plausibility import warn_ratio
from devices.randomness import standard_normal
from devices.validation import check_finite, check_nonnegative, check_positive
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class PowerLawDrift(AbstractDrift):
    """`G(t) = G(t0) (t / t0)^-nu` from `t0` on, with `nu = N(nu, nu_spread)` drawn once per cell.

    Parameters
    ----------
    nu
        Mean drift exponent; positive where conductance falls.
    nu_spread
        Standard deviation of the exponent from cell to cell; a cell may get an exponent of the other sign.
    t0
        Time after programming at which the programmed conductance was measured [s]; nothing moves before.
    """

    nu: float
    nu_spread: float = 0.0
    t0: float = 1.0

    def __post_init__(self) -> None:
        """Refuse parameters that cannot be."""
        check_finite("nu", self.nu)
        warn_ratio("nu", self.nu)
        check_nonnegative("nu_spread", self.nu_spread)
        warn_ratio("nu_spread", self.nu_spread)
        check_positive("t0", self.t0)

    def draw(self, target: Tensor, window: Window, *, generator: torch.Generator | None = None) -> Tensor | None:
        """Return each cell's exponent, in the shape of `target`; None where all have the same."""
        if self.nu_spread == 0:
            return None
        return self.nu + self.nu_spread * standard_normal(target, generator=generator)

    def apply(self, programmed: Tensor, *, target: Tensor, state: Tensor | None, t: float, window: Window) -> Tensor:
        """Return the conductances [S] at `t` seconds."""
        if self.nu_spread == 0:
            return programmed * math.exp(-self.nu * elapsed_logarithm(t, self.t0))
        return follow_power_law(programmed, require_state(state), t=t, t0=self.t0)


def elapsed_logarithm(t: float, t0: float) -> float:
    """Return `ln(t / t0)`, 0 before `t0`."""
    return math.log(t / t0) if t > t0 else 0.0


def follow_power_law(programmed: Tensor, nu: Tensor, *, t: float, t0: float) -> Tensor:
    """Return `programmed * (t / t0)^-nu`, unchanged before `t0`."""
    elapsed = elapsed_logarithm(t, t0)
    return programmed * torch.exp(-elapsed * nu) if elapsed else programmed
