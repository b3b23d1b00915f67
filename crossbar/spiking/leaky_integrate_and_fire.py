"""The leaky integrate-and-fire neuron."""

from typing import final

from torch import Tensor

from crossbar.spiking.neuron import AbstractNeuron, Reset, positive_tensor
from crossbar.spiking.surrogates import AbstractSurrogate
from devices.validation import FieldValueError


@final
class LeakyIntegrateAndFire(AbstractNeuron):
    """A neuron that forgets: `u <- decay u + i`, a spike where `u >= threshold`.

    Used as `IntegrateAndFire`.

    Parameters
    ----------
    decay
        Share of the membrane that is left after a time step without current, in (0, 1]; one number, or a tensor that
        broadcasts to the current. For a time constant tau and steps of dt it is `exp(-dt / tau)`.
    threshold
        Membrane at which a neuron fires; one number, or a tensor that broadcasts to the current.
    reset
        Whether a spike takes the threshold off the membrane or sets it to 0.
    surrogate
        The derivative of a spike in the backward pass.
    """

    decay: Tensor

    def __init__(
        self,
        decay: float | Tensor = 0.9,
        threshold: float | Tensor = 1.0,
        *,
        reset: Reset = "subtract",
        surrogate: AbstractSurrogate | None = None,
    ) -> None:
        super().__init__(threshold, reset=reset, surrogate=surrogate)
        self.register_buffer("decay", positive_tensor("decay", decay))
        if bool((self.decay > 1).any()):
            raise FieldValueError(f"`decay` must be <= 1. Got {decay!r}.", "decay")

    def charged(self, membrane: Tensor, current: Tensor) -> Tensor:
        """Return the decayed membrane with the current."""
        return self.decay * membrane + current
