"""Rows of arrays moved to spare word lines."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from devices.arguments import checked
from devices.validation import FieldValueError, check_integer
from mapping.placement import Placement


@checked
def move_to_spare_rows(placement: Placement, rows: Tensor, *, spare_rows: int) -> tuple[Placement, Tensor]:
    """Move rows of arrays to spare word lines at the end that is farthest from the sense amplifiers.

    A moved row stays on its old word line as one that is never driven and whose cells are switched off. Partners on
    adjacent word lines move together.

    Parameters
    ----------
    placement
        Where the cells are.
    rows
        Rows to move, bool, (tiles, rows).
    spare_rows
        Spare word lines of every array.

    Returns
    -------
    tuple of Placement and Tensor
        The placement, whose arrays have as many rows more as the most that one of them needs, first in each array; and the
        row of the old placement on each word line, -1 for none, int64, (tiles, rows).

    Raises
    ------
    ValueError
        If an array needs more word lines than are spare, or `rows` is no map of its rows.
    """
    check_integer("spare_rows", spare_rows, at_least=0)
    tiles, count, _ = placement.levels.shape
    if rows.dtype != torch.bool or tuple(rows.shape) != (tiles, count):
        raise FieldValueError(
            f"`rows` must be boolean, {(tiles, count)}. Got {rows.dtype}, {tuple(rows.shape)}.", "rows"
        )
    moved = rows & (placement.row_index >= 0)
    if placement.has_opposite_rows:
        moved = moved.view(tiles, -1, 2).any(2).repeat_interleave(2, 1)
    needed = int(moved.sum(1).max()) if tiles else 0
    if needed > spare_rows:
        raise FieldValueError(
            f"`spare_rows` must hold the rows that move. Got {spare_rows}, but an array needs {needed}. Reprogram or "
            "correct some of them digitally.",
            "spare_rows",
        )
    own = torch.arange(count, device=rows.device).expand(tiles, -1)
    order = torch.where(moved, own, count).sort(1).values[:, :needed]  # moved rows first
    source = torch.cat([torch.where(order < count, order, -1), torch.where(moved, -1, own)], 1)

    def along(values: Tensor, empty: int) -> Tensor:
        """Lay values (tiles, rows, ...) out on the new word lines."""
        line = source.view(*source.shape, *(1,) * (values.ndim - 2))
        index = line.clamp(min=0).expand(-1, -1, *values.shape[2:])
        return values.gather(1, index).masked_fill(line < 0, empty)

    empty = {"row_index": -1, "row_sign": 1}
    fields: dict[str, Any] = {
        name: along(getattr(placement, name), empty.get(name, 0))
        for name in ("levels", "used", "row_index", "row_shift", "row_sign")
    }
    height = max(placement.array_shape[0], count + needed)
    return replace(placement, **fields, array_shape=(height, placement.array_shape[1])), source
