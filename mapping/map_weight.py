"""The verb of this package: a weight matrix to a placement."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from devices.arguments import checked
from devices.validation import check_instance, check_integer
from mapping.config import MappingConfig
from mapping.group_packing import pack_groups
from mapping.merge_columns import merge_columns
from mapping.placement import Placement
from mapping.quantizers import QuantizedWeight, quantize_weight
from mapping.release import release_empty_tiles
from mapping.row_order import sorted_rows
from mapping.squeeze_out import squeeze_out
from mapping.tiling import tile_planes


@checked
def map_weight(weight: Tensor, config: MappingConfig, *, groups: int = 1) -> Placement:
    """Quantise a weight matrix, slice it into cells and cut it into arrays.

    Parameters
    ----------
    weight
        (inputs, outputs); with `groups`, (inputs of one group, outputs of all groups), the outputs group by group.
    config
        Quantiser, encoding, slicing, array size, and what is squeezed, sorted, released and merged.
    groups
        Independent blocks (groups of a convolution), each in arrays of its own unless the config packs them.

    Returns
    -------
    Placement
        `placement.to_weight()` is the quantised matrix, rounded further only where planes are squeezed out.

    Raises
    ------
    ValueError
        If `weight` is empty, not finite, or its outputs do not divide by `groups`.
    TypeError
        If `weight` is not a floating-point tensor, or `config` no `MappingConfig`.
    """
    check_instance("config", config, MappingConfig)
    check_integer("groups", groups, at_least=1)
    quantized = quantize_weight(weight, config.effective_quantizer())
    if weight.shape[1] % groups:
        raise ValueError(f"`groups` must divide the {weight.shape[1]} outputs. Got {groups}.")
    return arrange(_place_groups(quantized, config, groups), config)


def place_codes(quantized: QuantizedWeight, config: MappingConfig) -> Placement:
    """Encode, slice and tile the codes of one matrix: every plane dense, in arrays of the config's size."""
    planes = config.sign_encoding.planes(quantized.codes, quantized.magnitude_bits, config.cell_bits)
    order = sorted_rows(quantized.codes) if config.row_order == "sorted" else None
    return tile_planes(planes, quantized.scale, config, row_order=order)


def arrange(placement: Placement, config: MappingConfig) -> Placement:
    """Squeeze, release and merge a dense placement as the config says."""
    if config.squeezed_planes:
        placement = squeeze_out(placement, planes=config.squeezed_planes)
    elif config.release_empty:
        placement = release_empty_tiles(placement)
    return merge_columns(placement) if config.merge_columns else placement


def _place_groups(quantized: QuantizedWeight, config: MappingConfig, groups: int) -> Placement:
    """Place every group, in arrays of its own or of several groups."""
    if groups == 1:
        return place_codes(quantized, config)
    width = quantized.codes.shape[1] // groups
    blocks = [
        place_codes(replace(quantized, codes=quantized.codes[:, first : first + width]), config)
        for first in range(0, quantized.codes.shape[1], width)
    ]
    return pack_groups(_join_groups(blocks, quantized.scale), config)


def _join_groups(blocks: list[Placement], scale: Tensor) -> Placement:
    """Stack the tiles of independent blocks, with inputs and outputs numbered through."""
    first, outputs = blocks[0], blocks[0].outputs * len(blocks)
    shifted = [
        {
            **block.tensors(),
            "row_index": torch.where(block.row_index >= 0, block.row_index + number * block.inputs, -1),
            "column_index": _numbered_through(block, number, outputs),
        }
        for number, block in enumerate(blocks)
    ]
    names = [name for name in first.tensors() if name != "scale"]
    tensors: dict[str, Any] = {name: torch.cat([block[name] for block in shifted]) for name in names}
    return replace(
        first,
        **tensors,
        scale=scale,
        inputs=first.inputs * len(blocks),
        outputs=outputs,
        references=first.references * len(blocks),
        groups=len(blocks),
    )


def _numbered_through(block: Placement, number: int, outputs: int) -> Tensor:
    """Return the column index of the block with this number; reference columns follow all `outputs`."""
    index = block.column_index
    reference = index - block.outputs + outputs + number * block.references
    own = torch.where(index >= 0, index + number * block.outputs, -1)
    return torch.where(index >= block.outputs, reference, own).to(index.dtype)
