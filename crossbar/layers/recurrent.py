"""Recurrent networks rebuilt around their weight matrices: nn.RNN, nn.GRU and nn.LSTM."""

from typing import Any, cast, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crossbar.layers.composite import AbstractComposite, linear_of
from crossbar.layers.recurrent_steps import STEPS, State, checked_state


@final
class DecomposedRecurrent(AbstractComposite):
    """An `nn.RNN`, `nn.GRU` or `nn.LSTM` of any depth, in one or both directions, with a layer for every weight matrix.

    The input projections of all time steps are read at once, the state projections step by step; gates, biases and
    products of gates stay digital. Inputs and outputs are those of the digital module, packed sequences excepted. The
    matrices of layer and direction number n (forwards first) are `cells.n.ih`, `cells.n.hh` and, projected, `cells.n.hr`.
    """

    digital_classes = (nn.RNN, nn.GRU, nn.LSTM)

    def hold(self, module: nn.Module) -> None:
        """Take over settings and parameters of a recurrent network."""
        module = cast(nn.RNNBase, module)
        self.mode, self.num_layers, self.hidden_size = module.mode, module.num_layers, module.hidden_size
        self.input_size, self.proj_size, self.dropout = module.input_size, module.proj_size, module.dropout
        self.batch_first, self.bidirectional, self.bias = module.batch_first, module.bidirectional, module.bias
        self.cells = nn.ModuleList(
            _projections(module, layer, suffix) for layer in range(self.num_layers) for suffix in self._suffixes()
        )

    def flatten_parameters(self) -> None:
        """Do nothing: there is no fused kernel to lay weights out for."""

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Run over a sequence, (time, batch, input_size), (batch, time, input_size) or (time, input_size).

        Raises
        ------
        TypeError
            If `x` is a packed sequence, or `state` is not of the kind that the digital module takes.
        ValueError
            If `x` or `state` has another shape than the digital module takes.
        """
        if not isinstance(x, Tensor):
            raise TypeError(f"`x` must be a tensor; pad a packed sequence first. Got {type(x).__name__}.")
        if x.ndim not in (2, 3):
            raise ValueError(f"`x` must be a sequence with two or three dimensions. Got shape {tuple(x.shape)}.")
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
        step = STEPS[self.mode]
        outputs = []
        for projected in cell["ih"](sequence):
            state = step(projected, cell["hh"](state[0]), state)
            if "hr" in cell:
                state = (cell["hr"](state[0]), *state[1:])
            if "quantiser" in cell:
                state = (cell["quantiser"](state[0]), *state[1:])
            outputs.append(state[0])
        return torch.stack(outputs), state

    def _initial_states(self, sequence: Tensor, state: Any, batched: bool) -> list[State]:
        """Return the state of every layer and direction before the sequence (time, batch, features)."""
        sizes = [self.proj_size or self.hidden_size] + [self.hidden_size] * (self.mode == "LSTM")
        if state is None:
            zeros = [sequence.new_zeros(sequence.shape[1], size) for size in sizes]
            return [tuple(zeros)] * len(self.cells)
        batch = [sequence.shape[1]] if batched else []
        parts = checked_state(state, [(len(self.cells), *batch, size) for size in sizes])
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


def _projections(module: nn.RNNBase, layer: int, suffix: str) -> nn.ModuleDict:
    """Return the matrices of one layer and direction, with the parameters of `module`."""
    kinds = ("ih", "hh", "hr") if module.proj_size else ("ih", "hh")
    return nn.ModuleDict(
        {
            kind: linear_of(
                getattr(module, f"weight_{kind}_l{layer}{suffix}"),
                getattr(module, f"bias_{kind}_l{layer}{suffix}", None) if module.bias else None,
            )
            for kind in kinds
        }
    )
