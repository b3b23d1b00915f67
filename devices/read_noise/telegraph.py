"""Random telegraph noise: a cell that switches between two conductances."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from devices.plausibility import warn_ratio
from devices.randomness import standard_uniform
from devices.read_noise.base import AbstractReadNoise, Draw, check_draw
from devices.validation import FieldValueError, check_nonnegative, check_probability
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class TelegraphReadNoise(AbstractReadNoise):
    """A read finds the cell in its higher state with probability `on_fraction`, else lower by `amplitude * G`.

    The conductance stands for the mean over both states, so `sigma = amplitude G sqrt(p (1 - p))`, and the two values
    are `G + (1 - p) amplitude G` and `G - p amplitude G`. Reads are taken to be further apart than the switching time.

    Parameters
    ----------
    on_fraction
        Probability p of the higher state, in (0, 1).
    amplitude
        Distance between the two states over the mean conductance.
    draw
        Fresh at every `"read"`, or once per `"programming"`.
    """

    on_fraction: float
    amplitude: float
    draw: Draw = "read"

    def __post_init__(self) -> None:
        """Refuse parameters that cannot be."""
        check_probability("on_fraction", self.on_fraction)
        if self.on_fraction in (0, 1):
            raise FieldValueError(
                f"`on_fraction` must lie inside (0, 1). Got {self.on_fraction!r}. A cell that never switches has none.",
                "on_fraction",
            )
        check_nonnegative("amplitude", self.amplitude)
        warn_ratio("amplitude", self.amplitude)
        check_draw(self.draw)

    @property
    def gaussian(self) -> bool:
        """A cell has two states."""
        return False

    def sigma(self, conductance: Tensor, *, target: Tensor, window: Window, t: float) -> Tensor:
        """Return the standard deviation [S], in the shape of `conductance`."""
        return conductance * (self.amplitude * math.sqrt(self.on_fraction * (1 - self.on_fraction)))

    def deviate(self, like: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return the two standardised states, in the shape of `like`."""
        on = (standard_uniform(like, generator=generator) < self.on_fraction).to(like.dtype)
        return (on - self.on_fraction) / math.sqrt(self.on_fraction * (1 - self.on_fraction))
