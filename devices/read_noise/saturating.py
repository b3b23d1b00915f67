"""Read noise that grows with the conductance towards a limit."""

from dataclasses import dataclass

import torch
from torch import Tensor

from devices.plausibility import warn_conductance
from devices.randomness import standard_normal
from devices.read_noise.base import AbstractReadNoise, Draw, check_draw
from devices.validation import check_nonnegative, check_positive
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class SaturatingReadNoise(AbstractReadNoise):
    """Normal, `sigma = limit (1 - exp(-G / scale))`, as measured on SONOS (IEDM 2022).

    Parameters
    ----------
    limit
        Standard deviation far above `scale` [S].
    scale
        Conductance at which 63 % of the limit is reached [S].
    draw
        Fresh at every `"read"`, or once per `"programming"`.
    """

    limit: float
    scale: float
    draw: Draw = "read"

    def __post_init__(self) -> None:
        """Refuse parameters that cannot be."""
        check_nonnegative("limit", self.limit, hint="It is in siemens.")
        warn_conductance("limit", self.limit)
        check_positive("scale", self.scale, hint="It is in siemens.")
        check_draw(self.draw)

    def sigma(self, conductance: Tensor, *, target: Tensor, window: Window, t: float) -> Tensor:
        """Return the standard deviation [S], in the shape of `conductance`."""
        return -self.limit * torch.expm1(-conductance / self.scale)

    def deviate(self, like: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return standard normals in the shape of `like`."""
        return standard_normal(like, generator=generator)
