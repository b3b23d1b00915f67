"""Read noise affine in the conductance."""

from dataclasses import dataclass

import torch
from torch import Tensor

from devices.plausibility import warn_conductance, warn_ratio
from devices.randomness import standard_normal
from devices.read_noise.base import AbstractReadNoise, Draw, check_draw
from devices.validation import check_nonnegative
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class AffineReadNoise(AbstractReadNoise):
    """Normal, `sigma = slope * G + offset`.

    Parameters
    ----------
    slope
        Part proportional to the conductance.
    offset
        Part present at zero conductance [S].
    draw
        Fresh at every `"read"`, or once per `"programming"`.
    """

    slope: float
    offset: float
    draw: Draw = "read"

    def __post_init__(self) -> None:
        """Refuse coefficients that cannot be."""
        check_nonnegative("slope", self.slope)
        warn_ratio("slope", self.slope)
        check_nonnegative("offset", self.offset, hint="It is in siemens.")
        warn_conductance("offset", self.offset)
        check_draw(self.draw)

    def sigma(self, conductance: Tensor, *, target: Tensor, window: Window, t: float) -> Tensor:
        """Return the standard deviation [S], in the shape of `conductance`."""
        return self.slope * conductance + self.offset

    def deviate(self, like: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return standard normals in the shape of `like`."""
        return standard_normal(like, generator=generator)
