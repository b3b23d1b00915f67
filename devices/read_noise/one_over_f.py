"""1/f noise, integrated from programming to the read."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from devices.curves.base import AbstractCurve
from devices.randomness import standard_normal
from devices.read_noise.base import AbstractReadNoise, Draw, check_draw
from devices.validation import check_boolean, check_instance, check_nonnegative, check_positive
from devices.window import Window


@dataclass(frozen=True, kw_only=True)
class OneOverFReadNoise(AbstractReadNoise):
    """Normal, `sigma = G Q(target / reference) sqrt(ln((t + t_read) / (2 t_read)))`.

    Joshi et al., Nat. Commun. 11, 2473 (2020), methods. With `relative=False` the amplitude is a conductance,
    `sigma = Q(G / reference) sqrt(...)` [S], as for CMO/HfOx.

    Parameters
    ----------
    amplitude
        Q: relative to the conductance, or in siemens; a negative value counts as none.
    reference
        What the conductance is divided by before it enters Q [S].
    t_read
        Duration of a read [s].
    t0
        Before this time the noise is that at `t0`: when "as programmed" was measured [s].
    relative
        Whether Q is relative to the conductance (and taken at the target) or in siemens (taken at the conductance).
    draw
        Fresh at every `"read"`, or once per `"programming"`.
    """

    amplitude: AbstractCurve
    reference: float
    t_read: float
    t0: float = 0.0
    relative: bool = True
    draw: Draw = "read"

    def __post_init__(self) -> None:
        """Refuse parameters that cannot be."""
        check_instance("amplitude", self.amplitude, AbstractCurve)
        check_boolean("relative", self.relative)
        check_positive("reference", self.reference, hint="It is in siemens.")
        check_positive("t_read", self.t_read)
        check_nonnegative("t0", self.t0)
        check_draw(self.draw)

    def sigma(self, conductance: Tensor, *, target: Tensor, window: Window, t: float) -> Tensor:
        """Return the standard deviation [S], in the shape of `conductance`; 0 for a read before `t_read`."""
        growth = self.growth(t)
        if self.relative:
            return conductance * (self.amplitude(target / self.reference).clamp_(min=0) * growth)
        return self.amplitude(conductance / self.reference).clamp_(min=0).mul_(growth)

    def growth(self, t: float) -> float:
        """Return `sqrt(ln((t + t_read) / (2 t_read)))`, the share of the spectrum that `t` seconds let through."""
        t = max(t, self.t0)
        return math.sqrt(math.log((t + self.t_read) / (2 * self.t_read))) if t > self.t_read else 0.0

    def deviate(self, like: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return standard normals in the shape of `like`."""
        return standard_normal(like, generator=generator)
