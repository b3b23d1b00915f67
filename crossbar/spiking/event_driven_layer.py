"""Weight layers in a converted network: only what changes goes through the weights."""

from typing import cast, final

import torch
from torch import Tensor, nn

from crossbar.spiking.state import AbstractStateful, State


@final
class EventDrivenLayer(AbstractStateful):
    """A linear or convolutional layer that is driven with the change of its input since the last time step.

    It is handed the running total of its input, sends the change (spikes, where neurons precede it) through `layer`,
    which has no bias, and hands on the running total of what that gave, with the bias: so the bias is injected once. A
    `layer` on crossbars reads its arrays, converters and noise included, once per step with those pulses alone.

    Parameters
    ----------
    layer
        The layer, whose bias is taken over.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.register_parameter("bias", cast(nn.Parameter | None, layer.bias))
        layer.register_parameter("bias", None)
        self.layer = layer
        weight = cast(Tensor, layer.weight)
        self._spatial = weight.ndim - 2

    @torch.no_grad()
    def forward(self, total: Tensor) -> Tensor:
        """Return the total of the output, of the shape that the layer gives for `total`."""
        before, sums = self.recalled(total, _start)
        given = self.layer(total - before)
        first = sums.ndim == 0
        state = (total.clone(), given.clone()) if first else (before.copy_(total), sums.add_(given))
        self.remember(state)
        # A tensor of its own, because models change activations in place.
        bias = cast(Tensor | None, self.bias)
        return state[1].clone() if bias is None else state[1] + bias.view(-1, *(1,) * self._spatial)


def _start(total: Tensor) -> State:
    """Return an input of zeros, and a zero for sums of a shape not known yet."""
    return torch.zeros_like(total), total.new_zeros(())
