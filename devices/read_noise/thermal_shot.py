"""The physical floor of read noise: thermal and shot noise in the bandwidth of the read-out."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from devices.arithmetic import square_root
from devices.plausibility import warn_temperature, warn_voltage
from devices.randomness import standard_normal
from devices.read_noise.base import AbstractReadNoise, Draw, check_draw
from devices.validation import check_nonnegative, check_positive
from devices.window import Window

BOLTZMANN = 1.380649e-23
"""Boltzmann constant [J/K], exact (SI 2019)."""
ELEMENTARY_CHARGE = 1.602176634e-19
"""Elementary charge [C], exact (SI 2019)."""


@dataclass(frozen=True, kw_only=True)
class ThermalShotReadNoise(AbstractReadNoise):
    """Current noise `4 k T G B + 2 q G V B` (Johnson 1928, Schottky 1918), as a conductance: divided by `V^2`.

    It is stated for a cell read at `read_voltage`; an input that drives a cell with less sees more conductance noise
    than this, and the same thermal current noise.

    Parameters
    ----------
    bandwidth
        Noise bandwidth of the read-out [Hz].
    read_voltage
        Voltage over the cell [V].
    temperature
        Temperature [K].
    draw
        Fresh at every `"read"`, or once per `"programming"`.
    """

    bandwidth: float
    read_voltage: float
    temperature: float = 300.0
    draw: Draw = "read"

    def __post_init__(self) -> None:
        """Refuse parameters that cannot be."""
        check_nonnegative("bandwidth", self.bandwidth)
        check_positive("read_voltage", self.read_voltage)
        warn_voltage("read_voltage", self.read_voltage)
        check_nonnegative("temperature", self.temperature, hint="It is in kelvin.")
        warn_temperature("temperature", self.temperature)
        check_draw(self.draw)

    def sigma(self, conductance: Tensor, *, target: Tensor, window: Window, t: float) -> Tensor:
        """Return the standard deviation [S], in the shape of `conductance`."""
        per_siemens = 4 * BOLTZMANN * self.temperature + 2 * ELEMENTARY_CHARGE * self.read_voltage
        # In this order nothing underflows in float32, where the current noise itself (1e-18 A^2) nearly would.
        return square_root(conductance) * (math.sqrt(per_siemens * self.bandwidth) / self.read_voltage)

    def deviate(self, like: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return standard normals in the shape of `like`."""
        return standard_normal(like, generator=generator)
