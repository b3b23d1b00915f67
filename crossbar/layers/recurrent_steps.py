"""One time step of each kind of recurrent cell, from what its matrices give."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

State = tuple[Tensor, ...]
"""Hidden state of one layer and direction, and for an LSTM its cell state, each (batch, size)."""
Step = Callable[[Tensor, Tensor, State], State]
"""Next state, from the input's projection, the hidden state's projection (batch, gates x size), and the state."""


def _rnn_step(activation: Callable[[Tensor], Tensor]) -> Step:
    return lambda projected, recurrent, state: (activation(projected + recurrent),)


def _gru_step(projected: Tensor, recurrent: Tensor, state: State) -> State:
    reset_in, update_in, new_in = projected.chunk(3, -1)
    reset_state, update_state, new_state = recurrent.chunk(3, -1)
    update = torch.sigmoid(update_in + update_state)
    candidate = torch.tanh(new_in + torch.sigmoid(reset_in + reset_state) * new_state)
    return (torch.lerp(candidate, state[0], update),)


def _lstm_step(projected: Tensor, recurrent: Tensor, state: State) -> State:
    entering, forgetting, candidate, leaving = (projected + recurrent).chunk(4, -1)
    cell = torch.sigmoid(forgetting) * state[1] + torch.sigmoid(entering) * torch.tanh(candidate)
    return torch.sigmoid(leaving) * torch.tanh(cell), cell


STEPS: Mapping[str, Step] = MappingProxyType(
    {"RNN_TANH": _rnn_step(torch.tanh), "RNN_RELU": _rnn_step(torch.relu), "GRU": _gru_step, "LSTM": _lstm_step}
)
"""Time steps by the mode of `nn.RNNBase`."""


def checked_state(state: Any, shapes: Sequence[tuple[int, ...]]) -> State:
    """Return a state as the tuple of its parts, whose shapes must be `shapes`: that of h, for an LSTM those of h and c.

    Raises
    ------
    TypeError
        If it is not a tensor, or not a pair of tensors for two shapes.
    ValueError
        If a part has another shape.
    """
    parts = (state,) if len(shapes) == 1 else state
    if not isinstance(parts, tuple | list) or not all(isinstance(part, Tensor) for part in parts):
        wanted = "a tensor" if len(shapes) == 1 else "a pair of tensors (h, c)"
        raise TypeError(f"`state` must be {wanted}. Got {type(state).__name__}.")
    found = [tuple(part.shape) for part in parts]
    if found != list(shapes):
        raise ValueError(f"`state` must have shapes {list(shapes)}. Got {found}.")
    return tuple(parts)
