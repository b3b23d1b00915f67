"""Drift at another temperature than the one it was measured at."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from devices.drift.base import AbstractDrift
from devices.plausibility import warn_activation_energy, warn_temperature
from devices.validation import check_finite, check_instance, check_positive
from devices.window import Window

BOLTZMANN_EV = 8.617333262e-5
"""Boltzmann constant [eV/K] (CODATA 2018)."""


@dataclass(frozen=True, kw_only=True)
class ArrheniusDrift(AbstractDrift):
    """Another drift on a faster or slower clock: `t exp(E_a / k (1 / T_measured - 1 / T))`.

    The usual reading of accelerated retention tests (JEDEC JESD22-A117): a thermally activated process runs through
    the same states, only sooner.

    Parameters
    ----------
    drift
        The drift as measured.
    activation_energy
        Activation energy [eV].
    temperature
        Temperature of the cell [K].
    measured_temperature
        Temperature at which `drift` was measured [K].
    """

    drift: AbstractDrift
    activation_energy: float
    temperature: float
    measured_temperature: float = 300.0

    def __post_init__(self) -> None:
        """Refuse temperatures that cannot be."""
        check_instance("drift", self.drift, AbstractDrift)
        check_finite("activation_energy", self.activation_energy)
        warn_activation_energy("activation_energy", self.activation_energy)
        for name in ("temperature", "measured_temperature"):
            check_positive(name, getattr(self, name), hint="It is in kelvin.")
            warn_temperature(name, getattr(self, name))

    @property
    def acceleration(self) -> float:
        """How much faster time passes than at the measured temperature."""
        inverse = 1 / self.measured_temperature - 1 / self.temperature
        return math.exp(self.activation_energy / BOLTZMANN_EV * inverse)

    def draw(self, target: Tensor, window: Window, *, generator: torch.Generator | None = None) -> Tensor | None:
        """Return what `drift` draws."""
        return self.drift.draw(target, window, generator=generator)

    def apply(self, programmed: Tensor, *, target: Tensor, state: Tensor | None, t: float, window: Window) -> Tensor:
        """Return the conductances [S] at `t` seconds."""
        return self.drift.apply(programmed, target=target, state=state, t=t * self.acceleration, window=window)
