"""Several groups of a convolution in one array.

A group of a depthwise convolution has a few word lines and one bit line per plane, so that an array of its own holds next
to nothing. Groups that share an array lie on its diagonal, each on word lines and bit lines of its own. Where word lines of
one group cross bit lines of another there may be no cell: no current then reaches another group's bit lines, and only the
lengths of wire up to a group tell it from one in an array of its own. In an array whose cells all exist there are idle ones
at the lowest conductance instead, whose currents reach the bit lines of all groups.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from mapping.config import MappingConfig
from mapping.placement import Placement

_PER_ROW = ("row_index", "row_shift", "row_sign")
_PER_COLUMN = ("column_index", "column_significance", "column_bits", "column_plane")


def groups_per_array(config: MappingConfig, *, inputs: int, outputs: int, groups: int) -> int:
    """Return how many groups share an array: 1 where they are not packed, or where one does not fit into an array twice.

    Parameters
    ----------
    config
        Array size, encoding, layout of pairs and slicing.
    inputs, outputs
        Those of one group.
    groups
        Groups that there are.
    """
    if config.group_packing == "none":
        return 1
    layout = config.pair_layout
    side_by_side = 1 if config.slicing == "inter" else config.planes_of_weight
    rows, cols = inputs * layout.word_lines, outputs * side_by_side * layout.bit_lines
    return max(1, min(groups, config.rows // rows, config.cols // cols))


def pack_groups(placement: Placement, config: MappingConfig) -> Placement:
    """Put as many groups into an array as fit, where the config asks for it; weights and codes are unchanged.

    Parameters
    ----------
    placement
        Dense, group by group, each in arrays of its own.
    config
        As for `map_weight`.
    """
    tiles, rows, cols = placement.levels.shape
    groups, outputs = placement.groups, placement.outputs // placement.groups
    together = groups_per_array(config, inputs=placement.inputs_per_group, outputs=outputs, groups=groups)
    if together == 1:
        return placement
    stacks, arrays = tiles // groups, -(-groups // together)
    size = (arrays, together, stacks)

    def by_array(values: Tensor, empty: int) -> Tensor:
        """Sort values (groups x stacks, ...) by arrays, (arrays, together, stacks, ...)."""
        missing = values.new_full(((arrays * together - groups) * stacks, *values.shape[1:]), empty)
        return torch.cat([values, missing]).view(*size, *values.shape[1:])

    def along(name: str) -> Tensor:
        """Return a field per line, (arrays x stacks, together x lines)."""
        empty = {"row_index": -1, "column_index": -1, "row_sign": 1}.get(name, 0)
        return by_array(getattr(placement, name), empty).transpose(1, 2).flatten(2).flatten(0, 1)

    def diagonal(values: Tensor) -> Tensor:
        """Lay blocks (groups x stacks, rows, cols) on the diagonals of arrays."""
        blocks = by_array(values, 0).transpose(1, 2)  # (arrays, stacks, together, rows, cols)
        result = values.new_zeros(arrays, stacks, together, rows, together, cols)
        own = torch.arange(together, device=values.device)
        result[:, :, own, :, own] = blocks.permute(2, 0, 1, 3, 4)
        return result.view(arrays * stacks, together * rows, together * cols)

    packed: dict[str, Any] = {name: along(name) for name in (*_PER_ROW, *_PER_COLUMN)}
    packed |= {name: diagonal(getattr(placement, name)) for name in ("levels", "used")}
    empty_rows = (arrays * together - groups) * rows
    if empty_rows:  # the last array's word lines lie next to the sense end
        for name in (*_PER_ROW, "levels", "used"):
            packed[name][-stacks:] = packed[name][-stacks:].roll(empty_rows, 1)
    crossed = together if config.group_packing == "g_min" else 1
    return replace(placement, **packed, crossed_groups=crossed)
