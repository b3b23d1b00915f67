"""What every drift can do."""

import abc

import torch
from torch import Tensor

from devices.window import Window


class AbstractDrift(abc.ABC):
    """How a conductance moves after programming; `t` is in seconds since then, and 0 means as programmed."""

    @abc.abstractmethod
    def draw(self, target: Tensor, window: Window, *, generator: torch.Generator | None = None) -> Tensor | None:
        """Return what each cell carries for its whole life, in the shape of `target` [S]; None if that is nothing."""

    @abc.abstractmethod
    def apply(self, programmed: Tensor, *, target: Tensor, state: Tensor | None, t: float, window: Window) -> Tensor:
        """Return the conductances [S] at `t` of cells `programmed` [S] towards `target` [S] that carry `state`."""


def require_state(state: Tensor | None) -> Tensor:
    """Return `state`, or raise because a drift that draws per cell was given none."""
    if state is None:
        raise ValueError("`state` must be what `draw` returned for these cells. Got None.")
    return state
