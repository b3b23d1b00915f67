"""What neurons with a membrane share."""

from abc import abstractmethod
from typing import Literal, get_args

import torch
from torch import Tensor

from crossbar.spiking.state import AbstractStateful
from crossbar.spiking.surrogates import AbstractSurrogate, ArctangentSurrogate
from devices.validation import FieldTypeError, FieldValueError, check_choice, check_instance

Reset = Literal["subtract", "zero"]
"""What a spike does to the membrane: it takes the threshold off (soft), or all (hard)."""


class AbstractNeuron(AbstractStateful):
    """Neurons that take the current of one time step, of any shape, and give its spikes, 0 or 1, of the same shape.

    One module is one layer of neurons: use it once per step. The membrane starts at 0, a neuron fires where it reaches
    its threshold, and the reset follows within the step; no gradient passes through the reset.

    Parameters
    ----------
    threshold
        Membrane at which a neuron fires; one number, or a tensor that broadcasts to the current.
    reset
        Whether a spike takes the threshold off the membrane or sets it to 0.
    surrogate
        The derivative of a spike in the backward pass.
    """

    threshold: Tensor

    def __init__(
        self,
        threshold: float | Tensor = 1.0,
        *,
        reset: Reset = "subtract",
        surrogate: AbstractSurrogate | None = None,
    ) -> None:
        super().__init__()
        check_choice("reset", reset, get_args(Reset))
        check_instance("surrogate", surrogate, AbstractSurrogate, optional=True)
        self.reset_kind = reset
        self.surrogate = ArctangentSurrogate() if surrogate is None else surrogate
        self.register_buffer("threshold", positive_tensor("threshold", threshold))

    @abstractmethod
    def charged(self, membrane: Tensor, current: Tensor) -> Tensor:
        """Return the membrane before it fires."""

    @property
    def membrane(self) -> Tensor | None:
        """The membrane after the last step, of the shape of the current; None before the first."""
        return self._states[0][0] if self._states else None

    def forward(self, current: Tensor) -> Tensor:
        """Take the current of one time step and return its spikes.

        Raises
        ------
        TypeError
            If `current` is not of a floating-point type.
        ValueError
            If its shape is not that of the step before.
        """
        check_current(current)
        self.begin_step()
        (before,) = self.recalled(current, lambda x: (torch.zeros_like(x),))
        charged = self.charged(before, current)
        spikes = self.surrogate.spikes(charged / self.threshold - 1)
        fired = spikes.detach()
        left = charged - fired * self.threshold if self.reset_kind == "subtract" else charged * (1 - fired)
        self.remember((left,))
        return spikes

    def extra_repr(self) -> str:
        """Describe the neurons in a model's printout."""
        shown = f"{float(self.threshold):g}" if self.threshold.ndim == 0 else f"tensor {tuple(self.threshold.shape)}"
        return f"threshold={shown}, reset={self.reset_kind!r}"


def check_current(current: Tensor) -> None:
    """Raise unless `current` is a tensor of a floating-point type."""
    if not isinstance(current, Tensor) or not current.is_floating_point():
        got = current.dtype if isinstance(current, Tensor) else type(current).__name__
        raise TypeError(f"The input of a neuron must be of a floating-point type. Got {got}. Use `x.float()`.")


def positive_tensor(name: str, value: float | Tensor) -> Tensor:
    """Return a parameter of neurons, one number or a tensor, which must be positive and finite."""
    tensor = value.detach() if isinstance(value, Tensor) else value
    if isinstance(tensor, bool) or not isinstance(tensor, Tensor | int | float):
        raise FieldTypeError(f"`{name}` must be a number or a tensor. Got {value!r}.", name)
    tensor = torch.as_tensor(tensor, dtype=torch.get_default_dtype())
    if not tensor.numel() or not bool((tensor.isfinite() & (tensor > 0)).all()):
        raise FieldValueError(f"`{name}` must be > 0 and finite. Got {value!r}.", name)
    return tensor
