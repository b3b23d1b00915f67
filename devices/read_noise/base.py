"""What every read noise can do."""

import abc
from typing import Literal

import torch
from torch import Tensor

from devices.validation import check_choice
from devices.window import Window

Draw = Literal["read", "programming"]


class AbstractReadNoise(abc.ABC):
    """A zero-mean fluctuation of a cell's conductance: one read gives `G + sigma * deviate`."""

    @property
    @abc.abstractmethod
    def draw(self) -> Draw:
        """When the deviate is drawn: at every `"read"`, or once per `"programming"` (device-to-device spread)."""

    @property
    def gaussian(self) -> bool:
        """Whether the deviate is normal, so that many cells read together can be drawn as one normal number."""
        return True

    @abc.abstractmethod
    def sigma(self, conductance: Tensor, *, target: Tensor, window: Window, t: float) -> Tensor:
        """Return the standard deviation [S] of a read at `t` seconds, in the shape of `conductance` [S].

        `target` is the conductance [S] the cell was programmed to, for the laws that were measured against it.
        """

    @abc.abstractmethod
    def deviate(self, like: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return independent deviates of mean 0 and variance 1, in the shape of `like`."""


def check_draw(draw: str) -> None:
    """Raise unless `draw` says when a deviate is drawn."""
    check_choice("draw", draw, ("read", "programming"))
