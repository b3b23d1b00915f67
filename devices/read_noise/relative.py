"""Read noise proportional to the conductance."""

from dataclasses import dataclass

import torch
from torch import Tensor

from devices.plausibility import warn_ratio
from devices.randomness import standard_normal
from devices.read_noise.base import AbstractReadNoise, Draw, check_draw
from devices.validation import check_nonnegative
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class RelativeReadNoise(AbstractReadNoise):
    """Normal, `sigma = ratio * G`.

    Parameters
    ----------
    ratio
        Standard deviation over mean, `sigma / mu`.
    draw
        Fresh at every `"read"`, or once per `"programming"`.
    """

    ratio: float
    draw: Draw = "read"

    def __post_init__(self) -> None:
        """Refuse a ratio that cannot be."""
        check_nonnegative("ratio", self.ratio, hint="Use `read_noise=None` for none.")
        warn_ratio("ratio", self.ratio)
        check_draw(self.draw)

    def sigma(self, conductance: Tensor, *, target: Tensor, window: Window, t: float) -> Tensor:
        """Return the standard deviation [S], in the shape of `conductance`."""
        return self.ratio * conductance

    def deviate(self, like: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return standard normals in the shape of `like`."""
        return standard_normal(like, generator=generator)
