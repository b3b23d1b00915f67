"""Recurrent networks on crossbars: nn.RNN, nn.GRU and nn.LSTM with every weight matrix in arrays of its own."""

from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crossbar.config import CrossbarConfig
from crossbar.layers.linear import AnalogLinear

State = tuple[Tensor, ...]
"""Hidden state of one layer and direction, and for an LSTM its cell state, each (batch, size)."""


class AnalogRecurrent(nn.Module):
    """An `nn.RNN`, `nn.GRU` or `nn.LSTM` on crossbars, of any depth, in one or both directions.

    The input projections of all time steps are read at once, the state projections step by step; gates, biases and
    products of gates stay digital. Inputs and outputs are those of the digital module, packed sequences excepted.
    """

    def __init__(self, module: nn.RNNBase, config: CrossbarConfig) -> None:
        super().__init__()
        self.mode, self.num_layers, self.hidden_size = module.mode, module.num_layers, module.hidden_size
        self.input_size, self.proj_size, self.dropout = module.input_size, module.proj_size, module.dropout
        self.batch_first, self.bidirectional, self.bias = module.batch_first, module.bidirectional, module.bias
        self.cells = nn.ModuleList(
            _projections(module, layer, suffix, config)
            for layer in range(self.num_layers)
            for suffix in self._suffixes()
        )

    @classmethod
    def from_digital(cls, module: nn.Module, config: CrossbarConfig) -> "AnalogRecurrent":
        """Return an analog recurrent network with the parameters of `module`."""
        if not isinstance(module, nn.RNNBase):
            raise TypeError(f"`module` must be nn.RNN, nn.GRU or nn.LSTM. Got {type(module).__name__}.")
        return cls(module, config)

    def to_digital(self) -> nn.Module:
        """Return the digital network with the ideal weights."""
        settings: dict[str, Any] = {
            name: getattr(self, name) for name in ("num_layers", "bias", "batch_first", "dropout", "bidirectional")
        }
        if self.mode.startswith("RNN"):
            settings["nonlinearity"] = self.mode.removeprefix("RNN_").lower()
        if self.mode == "LSTM":
            settings["proj_size"] = self.proj_size
        module = getattr(nn, self.mode.split("_")[0])(self.input_size, self.hidden_size, device="meta", **settings)
        names = [f"l{layer}{suffix}" for layer in range(self.num_layers) for suffix in self._suffixes()]
        for name, cell in zip(names, self.cells, strict=True):
            for kind, projection in cast(nn.ModuleDict, cell).items():
                module.register_parameter(f"weight_{kind}_{name}", projection.weight)
                if projection.bias is not None:
                    module.register_parameter(f"bias_{kind}_{name}", projection.bias)
        module._init_flat_weights()
        return cast(nn.Module, module)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Run over a sequence, (time, batch, input_size), (batch, time, input_size) or (time, input_size).

        Raises
        ------
        TypeError
            If `x` is a packed sequence.
        """
        if not isinstance(x, Tensor):
            raise TypeError(f"`x` must be a tensor; pad a packed sequence first. Got {type(x).__name__}.")
        batched = x.ndim == 3
        sequence = x if batched else x[:, None]
        if batched and self.batch_first:
            sequence = sequence.transpose(0, 1)
        states = self._initial_states(sequence, state, batched)
        finals: list[State] = []
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(len(self._suffixes())):
                number = layer * len(self._suffixes()) + direction
                output, final = self._run(number, sequence.flip(0) if direction else sequence, states[number])
                outputs.append(output.flip(0) if direction else output)
                finals.append(final)
            sequence = torch.cat(outputs, -1)
            if layer + 1 < self.num_layers:
                sequence = F.dropout(sequence, self.dropout, self.training)
        return self._packed_up(sequence, finals, batched)

    def _run(self, number: int, sequence: Tensor, state: State) -> tuple[Tensor, State]:
        """Run one layer in one direction over (time, batch, features)."""
        cell = cast(nn.ModuleDict, self.cells[number])
        step = _STEPS[self.mode]
        outputs = []
        for projected in cell["ih"](sequence):
            state = step(projected, cell["hh"](state[0]), state)
            if "hr" in cell:
                state = (cell["hr"](state[0]), *state[1:])
            outputs.append(state[0])
        return torch.stack(outputs), state

    def _initial_states(self, sequence: Tensor, state: Any, batched: bool) -> list[State]:
        sizes = [self.proj_size or self.hidden_size] + [self.hidden_size] * (self.mode == "LSTM")
        if state is None:
            zeros = [sequence.new_zeros(sequence.shape[1], size) for size in sizes]
            return [tuple(zeros)] * len(self.cells)
        parts = state if isinstance(state, tuple) else (state,)
        parts = tuple(part if batched else part[:, None] for part in parts)
        return [tuple(part[number] for part in parts) for number in range(len(self.cells))]

    def _packed_up(self, sequence: Tensor, finals: list[State], batched: bool) -> tuple[Tensor, Any]:
        """Give output and final state the form that the digital module returns."""
        states = tuple(torch.stack(parts) for parts in zip(*finals, strict=True))
        if not batched:
            sequence, states = sequence[:, 0], tuple(part[:, 0] for part in states)
        elif self.batch_first:
            sequence = sequence.transpose(0, 1)
        return sequence, states if self.mode == "LSTM" else states[0]

    def _suffixes(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)


def _projections(module: nn.RNNBase, layer: int, suffix: str, config: CrossbarConfig) -> nn.ModuleDict:
    """Return the analog matrices of one layer and direction, with the parameters of `module`."""
    kinds = ("ih", "hh", "hr") if module.proj_size else ("ih", "hh")
    return nn.ModuleDict(
        {
            kind: AnalogLinear(
                getattr(module, f"weight_{kind}_l{layer}{suffix}"),
                getattr(module, f"bias_{kind}_l{layer}{suffix}", None) if module.bias else None,
                config,
            )
            for kind in kinds
        }
    )


def _rnn_step(activation: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor, State], State]:
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


_STEPS: dict[str, Callable[[Tensor, Tensor, State], State]] = {
    "RNN_TANH": _rnn_step(torch.tanh),
    "RNN_RELU": _rnn_step(torch.relu),
    "GRU": _gru_step,
    "LSTM": _lstm_step,
}
