"""The verb of this package: a weight matrix to a placement."""

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from devices.arguments import checked
from devices.validation import check_instance, check_integer
from mapping.config import MappingConfig
from mapping.group_packing import pack_groups
from mapping.merge_columns import merge_columns
from mapping.placement import Placement, plane_cell_index
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
    codes = quantized.codes.chunk(groups, 1)
    encoding = config.sign_encoding
    planes = [encoding.planes(part, quantized.magnitude_bits, config.cell_bits) for part in codes]
    # Groups lie alike; only their levels, and the order of their inputs, are their own.
    first = tile_planes(planes[0], quantized.scale, config)
    in_order = torch.arange(first.inputs, device=first.row_index.device).expand(groups, -1)
    order = torch.stack([sorted_rows(part) for part in codes]) if config.row_order == "sorted" else in_order
    levels = torch.stack([part.levels[:, rows] for part, rows in zip(planes, order, strict=True)])
    return pack_groups(_with_groups(first, levels, order), config)


def _with_groups(first: Placement, levels: Tensor, order: Tensor) -> Placement:
    """Repeat the tiles of one group for every group, inputs and outputs numbered through.

    Parameters
    ----------
    first
        One group, its inputs as they come.
    levels
        Cell levels in the order of the inputs, (groups, planes, inputs, outputs).
    order
        Inputs of each group in the order in which they fill arrays, int64, (groups, inputs).
    """
    groups, tiles = len(levels), first.tiles
    outputs, group = groups * first.outputs, torch.arange(groups, device=levels.device)[:, None, None]
    cell = plane_cell_index(first, slice(None)).flatten()
    own = F.pad(levels, (0, first.references)).flatten(1)[:, cell]
    rows, columns = first.row_index, first.column_index
    row_index = order[:, rows.clamp(min=0).long()] + group * first.inputs
    column_index = torch.where(
        columns < first.outputs,
        columns + group * first.outputs,
        columns - first.outputs + outputs + group * first.references,  # reference columns follow all outputs
    )
    repeated = {name: tensor.repeat(groups, 1) for name, tensor in first.tensors().items() if tensor.ndim == 2}
    numbered = {
        "levels": own.view(-1, *first.levels.shape[1:]).masked_fill_(~first.used.repeat(groups, 1, 1), 0),
        "used": first.used.repeat(groups, 1, 1),
        "row_index": torch.where(rows >= 0, row_index, -1).view(groups * tiles, -1).to(rows.dtype),
        "column_index": torch.where(columns >= 0, column_index, -1).view(groups * tiles, -1).to(columns.dtype),
    }
    tensors: dict[str, Any] = repeated | numbered
    return replace(
        first,
        **tensors,
        inputs=first.inputs * groups,
        outputs=outputs,
        references=first.references * groups,
        groups=groups,
    )
