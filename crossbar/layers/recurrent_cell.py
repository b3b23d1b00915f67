"""Recurrent cells rebuilt around their weight matrices: nn.RNNCell, nn.GRUCell and nn.LSTMCell."""

from typing import Any, cast, final

from torch import Tensor, nn

from crossbar.layers.composite import AbstractComposite, linear_of
from crossbar.layers.recurrent_steps import STEPS, checked_state


@final
class DecomposedRecurrentCell(AbstractComposite):
    """An `nn.RNNCell`, `nn.GRUCell` or `nn.LSTMCell` with a layer for both of its matrices, `ih` and `hh`."""

    digital_classes = (nn.RNNCell, nn.GRUCell, nn.LSTMCell)

    def hold(self, module: nn.Module) -> None:
        """Take over settings and parameters of a recurrent cell."""
        module = cast(nn.RNNCellBase, module)
        self.input_size, self.hidden_size, self.bias = module.input_size, module.hidden_size, module.bias
        if isinstance(module, nn.RNNCell):
            self.mode = f"RNN_{module.nonlinearity.upper()}"
        else:
            self.mode = "LSTM" if isinstance(module, nn.LSTMCell) else "GRU"
        self.ih = linear_of(cast(nn.Parameter, module.weight_ih), module.bias_ih)
        self.hh = linear_of(cast(nn.Parameter, module.weight_hh), module.bias_hh)
        self.quantiser: nn.Module | None = None

    def forward(self, x: Tensor, state: Any = None) -> Any:
        """Do one step, (batch, input_size) or (input_size,), as the digital cell does.

        Raises
        ------
        TypeError
            If `state` is not of the kind that the digital cell takes.
        ValueError
            If `x` or `state` has another shape than the digital cell takes.
        """
        if x.ndim not in (1, 2):
            raise ValueError(f"`x` must be (batch, {self.input_size}) or ({self.input_size},). Got {tuple(x.shape)}.")
        shape = (*x.shape[:-1], self.hidden_size)
        number = 2 if self.mode == "LSTM" else 1
        before = (x.new_zeros(shape),) * number if state is None else checked_state(state, [shape] * number)
        after = STEPS[self.mode](self.ih(x), self.hh(before[0]), before)
        if self.quantiser is not None:
            after = (self.quantiser(after[0]), *after[1:])
        return after if number == 2 else after[0]
