"""The verb of this package: a weight matrix to a placement."""

from dataclasses import replace

import torch
from torch import Tensor

from mapping.config import MappingConfig
from mapping.encodings import ENCODINGS
from mapping.placement import Placement
from mapping.quantizers import QuantizedWeight, quantize_weight
from mapping.tiling import tile_planes


def map_weight(weight: Tensor, config: MappingConfig, *, groups: int = 1) -> Placement:
    """Quantise a weight matrix, slice it into cells and cut it into arrays.

    Parameters
    ----------
    weight
        (inputs, outputs); with `groups`, (inputs of one group, outputs of all groups), the outputs group by group.
    config
        Quantiser, encoding, slicing and array size.
    groups
        Independent blocks, each in arrays of its own (groups of a convolution).

    Returns
    -------
    Placement
        `placement.to_weight()` is the quantised matrix.

    Raises
    ------
    ValueError
        If `weight` is empty, not finite, or its outputs do not divide by `groups`.
    """
    quantized = quantize_weight(weight.detach(), config.effective_quantizer())
    if groups < 1 or weight.shape[1] % groups:
        raise ValueError(f"`groups` must divide the {weight.shape[1]} outputs. Got {groups}.")
    if groups == 1:
        return place_codes(quantized, config)
    width = weight.shape[1] // groups
    blocks = [
        place_codes(replace(quantized, codes=quantized.codes[:, first : first + width]), config)
        for first in range(0, weight.shape[1], width)
    ]
    return _join_groups(blocks, quantized.scale)


def place_codes(quantized: QuantizedWeight, config: MappingConfig) -> Placement:
    """Encode, slice and tile the codes of one matrix."""
    planes = ENCODINGS[config.encoding](quantized.codes, quantized.magnitude_bits, config.cell_bits)
    return tile_planes(planes, quantized.scale, config)


def _join_groups(blocks: list[Placement], scale: Tensor) -> Placement:
    """Stack the tiles of independent blocks, with inputs and outputs numbered through."""
    first = blocks[0]
    shifted = [
        {
            **block.tensors(),
            "row_index": torch.where(block.row_index >= 0, block.row_index + number * block.inputs, -1),
            "column_index": torch.where(block.column_index >= 0, block.column_index + number * block.outputs, -1),
        }
        for number, block in enumerate(blocks)
    ]
    names = [name for name in first.tensors() if name != "scale"]
    return replace(
        first,
        **{name: torch.cat([block[name] for block in shifted]) for name in names},
        scale=scale,
        inputs=first.inputs * len(blocks),
        outputs=first.outputs * len(blocks),
        groups=len(blocks),
    )
