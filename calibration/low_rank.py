"""A digital low-rank path beside analog layers, to be learned with the chip in the loop."""

import math
from typing import final

import torch
from torch import Tensor, nn

from crossbar.conversion import analog_layers
from crossbar.layers import AbstractAnalogLayer
from devices.validation import check_integer

LOW_RANK_PARAMETERS = r"re:.*\b(down|up)"
"""Pattern for `finetune` that chooses the parameters of all low-rank paths."""


@final
class LowRankSidePath(nn.Module):
    """An analog layer and a digital path of low rank: `layer(x) + up(down(x))` (LoRA, Hu et al., ICLR 2022).

    Beside frozen analog weights it is learned on the chip (Li et al., "Efficient deployment of transformer models in
    analog in-memory computing hardware", 2024). It starts at zero.

    Parameters
    ----------
    layer
        An analog layer.
    rank
        Rank of the path, per group of a convolution.
    generator
        Source of the initial `down`. Default: torch's own stream.
    """

    def __init__(self, layer: AbstractAnalogLayer, *, rank: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        check_integer("rank", rank, at_least=1)
        weight = layer.weight
        groups = layer.array.groups
        inputs, outputs = layer.weight_matrix().shape
        initial = torch.randn((rank * groups, inputs), generator=generator) / math.sqrt(inputs)
        self.layer = layer
        self.down = nn.Parameter(layer.shape_weight(initial.to(weight)))
        self.up = nn.Parameter(weight.new_zeros(groups, outputs // groups, rank))

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output with the path's added."""
        channel = -self.layer.vector_dimensions
        narrow = self.layer.linear_map(x, self.down).movedim(channel, -1)  # (..., groups x rank)
        narrow = narrow.reshape(*narrow.shape[:-1], len(self.up), -1)
        wide = torch.einsum("...gr,gor->...go", narrow, self.up).flatten(-2)
        output: Tensor = self.layer(x)
        return output + wide.movedim(-1, channel)


def attach_low_rank(model: nn.Module, *, rank: int = 8, generator: torch.Generator | None = None) -> nn.Module:
    """Put a low-rank side path beside every analog layer that has none, in place, and return the model.

    Train it with `finetune(model, batches, [LOW_RANK_PARAMETERS])`. A model with side paths is saved and loaded like
    any other, into a model with side paths.

    Parameters
    ----------
    model
        An analog model.
    rank
        Rank of every path.
    generator
        Source of the initial values. Default: torch's own stream.

    Raises
    ------
    ValueError
        If the model has no analog layer.
    """
    check_integer("rank", rank, at_least=1)
    analog_layers(model)
    if isinstance(model, AbstractAnalogLayer):
        return LowRankSidePath(model, rank=rank, generator=generator)
    paths: dict[nn.Module, LowRankSidePath] = {}
    for parent in [m for m in model.modules() if not isinstance(m, LowRankSidePath)]:
        for name, child in list(parent.named_children()):
            if isinstance(child, AbstractAnalogLayer):
                if child not in paths:
                    paths[child] = LowRankSidePath(child, rank=rank, generator=generator)
                setattr(parent, name, paths[child])
    return model
