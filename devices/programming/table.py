"""Normal programming error measured against conductance."""

from dataclasses import dataclass

import torch
from torch import Tensor

from devices.arithmetic import interpolate
from devices.programming.base import AbstractProgrammingError, add_normal_error
from devices.validation import check_increasing, check_nonnegative, check_numbers
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class TableProgramming(AbstractProgrammingError):
    """`sigma` by straight lines between measured points; the end values hold beyond the ends.

    Parameters
    ----------
    conductances
        Target conductances, increasing [S].
    sigmas
        Standard deviation measured at each [S].
    """

    conductances: tuple[float, ...]
    sigmas: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse tables that do not match, do not increase or are negative."""
        check_increasing("conductances", self.conductances)
        check_numbers("sigmas", self.sigmas, exactly=len(self.conductances))
        for sigma in self.sigmas:
            check_nonnegative("sigmas", sigma)

    def sigma(self, target: Tensor, window: Window) -> Tensor:
        """Return the standard deviation [S], in the shape of `target`."""
        return interpolate(target, self.conductances, self.sigmas)

    def apply(self, target: Tensor, window: Window, *, generator: torch.Generator | None = None) -> Tensor:
        """Return programmed conductances [S], clamped at 0."""
        return add_normal_error(target, self.sigma(target, window), generator=generator)
