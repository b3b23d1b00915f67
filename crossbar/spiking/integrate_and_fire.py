"""The integrate-and-fire neuron."""

from typing import final

from torch import Tensor

from crossbar.spiking.neuron import AbstractNeuron


@final
class IntegrateAndFire(AbstractNeuron):
    """A neuron that sums its current: `u <- u + i`, a spike where `u >= threshold`.

    It takes the current of one time step, of any shape, and gives its spikes, 0 or 1. The membrane starts at 0; the
    reset follows within the step, and no gradient passes through it. One module is one layer of neurons: use it once
    per step.

    Parameters
    ----------
    threshold
        Membrane at which a neuron fires; one number, or a tensor that broadcasts to the current.
    reset
        Whether a spike takes the threshold off the membrane ("subtract") or sets it to 0 ("zero").
    surrogate
        The derivative of a spike in the backward pass; None: `ArctangentSurrogate()`.
    """

    def charged(self, membrane: Tensor, current: Tensor) -> Tensor:
        """Return the sum of membrane and current."""
        return membrane + current
