"""Partial parallel reads: an array driven a few word lines at a time."""

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mapping import Placement


def split_rows(placement: Placement, parallel_rows: int) -> Placement:
    """Return the placement with every tile cut into operation units of at most `parallel_rows` word lines.

    Each unit is read and converted by itself, so to the read it is a tile of its own. A unit without word lines is none,
    and a bit line without a cell on them, as that of another group of a convolution, is not converted.

    Returns
    -------
    Placement
        (units, parallel_rows, cols), the units of a tile in the order of its rows.
    """
    driven = driven_units(placement, parallel_rows)
    used, present = (split_tile_rows(cells, parallel_rows) for cells in (placement.used, placement.present))
    column_index = placement.column_index.repeat_interleave(units_per_tile(placement, parallel_rows), 0)
    units = replace(
        placement,
        levels=split_tile_rows(placement.levels, parallel_rows),
        used=used,
        column_index=column_index.masked_fill(~present.any(1), -1),
        row_index=split_tile_rows(placement.row_index[:, :, None] + 1, parallel_rows)[:, :, 0] - 1,
        row_shift=split_tile_rows(placement.row_shift[:, :, None], parallel_rows)[:, :, 0],
        row_sign=split_tile_rows(placement.row_sign[:, :, None] - 1, parallel_rows)[:, :, 0] + 1,
        **{
            name: getattr(placement, name).repeat_interleave(units_per_tile(placement, parallel_rows), 0)
            for name in ("column_significance", "column_bits", "column_plane")
        },
    )
    stack: dict[str, Any] = {name: tensor[driven] for name, tensor in units.tensors().items() if name != "scale"}
    return replace(units, **stack)


def driven_units(placement: Placement, parallel_rows: int) -> Tensor:
    """Return which of all units of `split_tile_rows` have a word line, bool, (tiles x units,)."""
    return split_tile_rows(placement.row_index[:, :, None] + 1, parallel_rows).flatten(1).any(1)


def units_per_tile(placement: Placement, parallel_rows: int) -> int:
    """Return how many operation units a tile has."""
    return -(-int(placement.levels.shape[1]) // parallel_rows)


def split_tile_rows(values: Tensor, parallel_rows: int) -> Tensor:
    """Cut (tiles, rows, cols) into (tiles x units, parallel_rows, cols), zeros before the first rows if need be."""
    tiles, rows, cols = values.shape
    units = -(-rows // parallel_rows)
    padded = F.pad(values, (0, 0, units * parallel_rows - rows, 0))
    return padded.reshape(tiles * units, parallel_rows, cols)


def only_driven(conductance: Tensor, parallel_rows: int) -> Tensor:
    """Return the conductances (tiles, rows, cols) once per operation unit, with the cells of all other rows open.

    Returns
    -------
    Tensor
        (tiles x units, padded rows, cols), padded rows in front.
    """
    tiles, rows, cols = conductance.shape
    units = -(-rows // parallel_rows)
    padded = F.pad(conductance, (0, 0, units * parallel_rows - rows, 0))
    unit_of_row = torch.arange(units * parallel_rows, device=conductance.device) // parallel_rows
    mask = unit_of_row == torch.arange(units, device=conductance.device)[:, None]  # (units, padded rows)
    return (padded[:, None] * mask[None, :, :, None]).reshape(tiles * units, units * parallel_rows, cols)


def driven_rows(transfer: Tensor, units: int, parallel_rows: int) -> Tensor:
    """Pick each unit's own rows of the transfer matrices of `only_driven`, (tiles x units, parallel_rows, cols)."""
    tiles = transfer.shape[0] // units
    blocks = transfer.view(tiles, units, units, parallel_rows, -1)
    own = torch.arange(units, device=transfer.device)
    return blocks[:, own, own].flatten(0, 1)
