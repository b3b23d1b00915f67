"""What every programming error can do, and the normal error most of them share."""

import abc

import torch
from torch import Tensor

from devices.arithmetic import add_product
from devices.randomness import standard_normal
from devices.window import Window


class AbstractProgrammingError(abc.ABC):
    """How far the conductance a cell is left with lies from the one it was asked for."""

    @abc.abstractmethod
    def sigma(self, target: Tensor, window: Window) -> Tensor:
        """Return the standard deviation of the error [S], in the shape of `target` [S], before the clamp at 0."""

    @abc.abstractmethod
    def apply(self, target: Tensor, window: Window, *, generator: torch.Generator | None = None) -> Tensor:
        """Return programmed conductances [S], >= 0, one independent draw per element of `target` [S]."""


def add_normal_error(target: Tensor, sigma: Tensor, *, generator: torch.Generator | None) -> Tensor:
    """Return `target` plus a normal error of standard deviation `sigma` [S], clamped at 0."""
    return add_product(target, sigma, standard_normal(target, generator=generator)).clamp_(min=0)
