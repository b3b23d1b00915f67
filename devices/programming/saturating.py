"""Normal programming error that grows with the conductance towards a limit."""

from dataclasses import dataclass

import torch
from torch import Tensor

from devices.plausibility import warn_conductance
from devices.programming.base import AbstractProgrammingError, add_normal_error
from devices.validation import check_nonnegative, check_positive
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class SaturatingProgramming(AbstractProgrammingError):
    """`sigma = limit (1 - exp(-target / scale))`, as measured on SONOS (IEDM 2022).

    Parameters
    ----------
    limit
        Standard deviation far above `scale` [S].
    scale
        Conductance at which 63 % of the limit is reached [S].
    """

    limit: float
    scale: float

    def __post_init__(self) -> None:
        """Refuse parameters that cannot be."""
        check_nonnegative("limit", self.limit, hint="It is in siemens.")
        warn_conductance("limit", self.limit)
        check_positive("scale", self.scale, hint="It is in siemens.")

    def sigma(self, target: Tensor, window: Window) -> Tensor:
        """Return the standard deviation [S], in the shape of `target`."""
        return -self.limit * torch.expm1(-target / self.scale)

    def apply(self, target: Tensor, window: Window, *, generator: torch.Generator | None = None) -> Tensor:
        """Return programmed conductances [S], clamped at 0."""
        return add_normal_error(target, self.sigma(target, window), generator=generator)
