"""A digital low-rank path beside analog layers, to be learned with the chip in the loop."""

import torch
from torch import nn

from crossbar.array.corrections import LowRankPath
from crossbar.conversion import analog_layers
from devices.arguments import checked
from devices.randomness import generator_of
from devices.validation import check_integer

LOW_RANK_PARAMETERS = r"re:.*\blow_rank\.(down|up)"
"""Pattern for `finetune` that chooses the parameters of all low-rank paths."""

LowRankSidePath = LowRankPath
"""Name of version 0.1."""


@checked
def attach_low_rank(
    model: nn.Module, *, rank: int = 8, generator: torch.Generator | None = None, seed: int | None = None
) -> nn.Module:
    """Put a low-rank side path beside every analog layer that has none, in place, and return the model.

    Train it with `finetune(model, batches, [LOW_RANK_PARAMETERS])`. A path is the correction "low_rank" of a layer's
    arrays. A model with side paths is saved and loaded like any other, into a model with side paths.

    Parameters
    ----------
    model
        An analog model.
    rank
        Rank of every path, per group of a convolution.
    generator
        Source of the initial values. Default: torch's own stream.
    seed
        In place of `generator`: as `torch.Generator().manual_seed(seed)`.

    Raises
    ------
    ValueError
        If the model has no analog layer, or both `generator` and `seed` are given.
    """
    generator = generator_of(generator, seed)
    check_integer("rank", rank, at_least=1)
    for layer in analog_layers(model):
        path = layer.array.corrections["low_rank"]
        if isinstance(path, LowRankPath) and path.down is None:
            layer.require_weights()
            path.attach(layer.weight_matrix().detach(), groups=layer.array.groups, rank=rank, generator=generator)
    return model
