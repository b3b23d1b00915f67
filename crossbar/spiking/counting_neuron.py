"""Ternary neurons in a converted network: from what their inputs add up to, to what their spikes add up to."""

from typing import final

import torch
from torch import Tensor

from crossbar.spiking.quantised_activation import AbstractQuantisedActivation
from crossbar.spiking.state import AbstractStateful
from crossbar.spiking.ternary_integrate_and_fire import ternary_spikes


@final
class CountingNeuron(AbstractStateful):
    """A layer of `TernaryIntegrateAndFire` neurons in the place of a quantised activation.

    It is handed the running total of its current, bias included once, and hands on the running total of its output: at
    most one threshold more or less than in the step before.

    Parameters
    ----------
    activation
        The quantised activation whose threshold and bounds the neurons have.
    """

    def __init__(self, activation: AbstractQuantisedActivation) -> None:
        super().__init__()
        self.activation = activation
        self.fired = False

    def begin_step(self) -> None:
        """Let the next call be the first of its time step, in which no neuron has fired yet."""
        super().begin_step()
        self.fired = False

    @torch.no_grad()
    def forward(self, total: Tensor) -> Tensor:
        """Return the total of the output after one more step, of the shape of `total`."""
        activation = self.activation
        (count,) = self.recalled(total, lambda x: (torch.zeros_like(x),))
        spikes = ternary_spikes(activation.reached(total), count, activation.lowest, activation.highest)
        self.fired = self.fired or bool(spikes.any())
        count = spikes.add_(count)
        self.remember((count,))
        return count * activation.step()
