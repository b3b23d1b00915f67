"""Bit columns that repeat need one bit line only."""

from dataclasses import replace

import torch
from torch import Tensor

from devices.arguments import checked
from mapping.placement import Placement, distinct
from mapping.reference_columns import refuse_references


@checked
def merge_columns(placement: Placement) -> Placement:
    """Store equal columns of an output once, drop columns without a one, and pack the rest into fewer arrays.

    Columns of the same rows and output whose cells hold the same levels become one column with the sum of their
    significances: exact. In two's complement these are the copies of the sign in the planes above an output's largest
    magnitude, where half of the bits are ones and no plane can be emptied. (Equal columns of different outputs could
    share a bit line too, with a router behind the converters: arXiv 2511.14202 does it for operation units of few rows.
    A placement's column feeds one output, so that is not done here.)

    Afterwards an array holds columns of several planes; squeeze before, not after.

    Raises
    ------
    ValueError
        If the placement has reference columns.
    """
    refuse_references(placement)
    block = distinct(placement.word_lines())
    width = placement.levels.shape[2]
    candidates = ((placement.column_index >= 0) & (placement.levels != 0).any(1)).flatten().nonzero()[:, 0]
    tile, col = candidates // width, candidates % width
    levels = placement.levels[tile, :, col]  # (columns, rows)
    keys = [block[tile], placement.column_index[tile, col], placement.column_bits[tile, col]]
    same = torch.cat([torch.stack([key.long() for key in keys], 1), levels.long()], 1)
    merged = distinct(same)
    count = int(merged.max()) + 1 if len(same) else 0
    significance = torch.zeros(count, dtype=torch.int64, device=levels.device)
    significance.index_add_(0, merged, placement.column_significance[tile, col].long())
    # The first of equal columns is the one that stays.
    first = torch.full_like(significance, len(candidates)).scatter_reduce(
        0, merged, torch.arange(len(candidates), device=levels.device), "amin"
    )
    order = torch.argsort(first)[significance[torch.argsort(first)] != 0]
    kept, significance = first[order], significance[order]
    return _pack(placement, tile[kept], col[kept], block[tile[kept]], significance)


def _pack(placement: Placement, tile: Tensor, col: Tensor, block: Tensor, significance: Tensor) -> Placement:
    """Fill arrays with the named columns, row block by row block, first columns first."""
    order = torch.argsort(block, stable=True)
    tile, col, block, significance = tile[order], col[order], block[order], significance[order]
    _, counts = torch.unique_consecutive(block, return_counts=True)
    width = min(placement.array_shape[1], int(counts.max())) if len(counts) else placement.levels.shape[2]
    arrays = -(-counts // width)
    position = torch.arange(len(tile), device=tile.device) - (counts.cumsum(0) - counts).repeat_interleave(counts)
    new_tile = (arrays.cumsum(0) - arrays).repeat_interleave(counts) + position // width
    new_col = position % width
    total, rows = int(arrays.sum()), placement.levels.shape[1]
    levels = placement.levels.new_zeros(total, rows, width)
    levels[new_tile, :, new_col] = placement.levels[tile, :, col]
    used = placement.used.new_zeros(total, rows, width)
    used[new_tile, :, new_col] = placement.used[tile, :, col]
    source = torch.zeros(total, dtype=torch.int64, device=tile.device)
    source[new_tile] = tile

    def per_column(values: Tensor, empty: int) -> Tensor:
        """Give one value per column the form of a placement's column fields."""
        filled = torch.full((total, width), empty, dtype=torch.int32, device=tile.device)
        filled[new_tile, new_col] = values.to(torch.int32)
        return filled

    return replace(
        placement,
        levels=levels,
        used=used,
        row_index=placement.row_index[source],
        row_shift=placement.row_shift[source],
        row_sign=placement.row_sign[source],
        column_index=per_column(placement.column_index[tile, col], -1),
        column_significance=per_column(significance, 0),
        column_bits=per_column(placement.column_bits[tile, col], 0),
        column_plane=per_column(placement.column_plane[tile, col], 0),
    )
