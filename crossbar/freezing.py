"""Chips of which only reads are wanted, in little more memory than their weights."""

import torch
from torch import nn

from crossbar.conversion import analog_layers
from crossbar.layers.origin import forget_dropped
from devices.arguments import checked
from devices.randomness import generator_of


@checked
def freeze_analog_weights(
    model: nn.Module,
    *,
    dtype: torch.dtype | None = None,
    generator: torch.Generator | None = None,
    seed: int | None = None,
) -> None:
    """Keep of every analog layer what reads in eval mode need, in place: its effective weight, as the chip gives it now.

    Cells, their placement and the ideal weights are dropped, and with them all that needs them: programming, drift,
    training, `to_digital`, and what is fitted to single arrays. Corrections that were fitted before stay. A layer that is
    not programmed yet is programmed just before it is frozen, layer by layer, so that no two layers hold their cells at a
    time: the same generator gives the same chip as `program_analog_weights`.

    A parameter that is used elsewhere too (an embedding tied to the last layer) stays there.

    Parameters
    ----------
    model
        A model from `convert_to_analog`, or a part of it.
    dtype
        Kind of number in which effective weights are kept, such as torch.bfloat16; sums are still in single precision.
        Default: as they are, four bytes for a weight of single precision.
    generator
        Source of the programming errors of layers that are not programmed.
    seed
        In place of `generator`: the chip of `torch.Generator().manual_seed(seed)`.

    Raises
    ------
    ValueError
        If the model has no analog layer, or one that is read tile by tile, or both `generator` and `seed` are given;
        nothing is frozen then.
    TypeError
        If `dtype` is not of a floating-point type.
    """
    generator = generator_of(generator, seed)
    layers = analog_layers(model)
    if dtype is not None and not dtype.is_floating_point:
        raise TypeError(f"`dtype` must be of a floating-point type, such as torch.bfloat16. Got {dtype}.")
    tiled = [layer for layer in layers if layer.array.reader.keeps_transfer]
    if tiled:
        raise ValueError(
            f"`model` has {len(tiled)} layers that are read tile by tile ({tiled[0].plan.reason}), which needs their "
            "arrays. Convert with `adc=None`, or with plan='collapsed' if single conversions do not matter."
        )
    for layer in layers:
        if not layer.array.programmed_yet:
            layer.program(generator=generator)
        layer.freeze(dtype)
        forget_dropped(layer)
    for module in model.modules():
        forget_dropped(module)
