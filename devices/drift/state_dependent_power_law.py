"""Power-law drift whose exponent depends on the conductance."""

from dataclasses import dataclass

import torch
from torch import Tensor

from devices.curves.base import AbstractCurve
from devices.drift.base import AbstractDrift, require_state
from devices.drift.power_law import follow_power_law
from devices.randomness import standard_normal
from devices.validation import check_instance, check_positive
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class StateDependentPowerLawDrift(AbstractDrift):
    """`G(t) = G(t0) (t / t0)^-nu` from `t0` on, `nu = |mean(r) + spread(r) N(0, 1)|` per cell.

    `r = target / reference`. Joshi et al., Nat. Commun. 11, 2473 (2020), methods.

    Parameters
    ----------
    nu_mean
        Mean of the exponent before its absolute value is taken, against r.
    nu_spread
        Standard deviation of the exponent from cell to cell, against r.
    reference
        Conductance the fits are normalised to [S].
    t0
        Time after programming at which the programmed conductance was measured [s]; nothing moves before.
    """

    nu_mean: AbstractCurve
    nu_spread: AbstractCurve
    reference: float
    t0: float

    def __post_init__(self) -> None:
        """Refuse parameters that cannot be."""
        for name in ("nu_mean", "nu_spread"):
            check_instance(name, getattr(self, name), AbstractCurve)
        check_positive("reference", self.reference, hint="It is in siemens.")
        check_positive("t0", self.t0)

    def draw(self, target: Tensor, window: Window, *, generator: torch.Generator | None = None) -> Tensor | None:
        """Return each cell's exponent, in the shape of `target`."""
        ratio = target / self.reference
        spread = self.nu_spread(ratio).clamp_(min=0)
        return torch.addcmul(self.nu_mean(ratio), spread, standard_normal(target, generator=generator)).abs_()

    def apply(self, programmed: Tensor, *, target: Tensor, state: Tensor | None, t: float, window: Window) -> Tensor:
        """Return the conductances [S] at `t` seconds."""
        return follow_power_law(programmed, require_state(state), t=t, t0=self.t0)
