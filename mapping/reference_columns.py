"""Reference columns: a bit line in every array that reads what a weight of zero would give.

Where codes are stored with an offset, the periphery has to subtract it. As a number times the sum of the inputs it is
exact only for ideal arrays: wires and drift shrink what the cells give, not the number. A bit line whose cells all hold
the offset's level lies in the same array, loses the same, and is subtracted instead (the unit column of ISAAC, Shafiee
et al., ISCA 2016). Reference columns are numbered through as outputs `outputs`, `outputs + 1`, ... of a placement.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from mapping.placement import Placement

REFERENCE = -2
"""Stands for the reference column among the numbers of the lines of an array."""


def with_reference_slots(columns: Tensor) -> Tensor:
    """Put a reference column amid the lines of every array, where wires treat it as they do the average bit line.

    Parameters
    ----------
    columns
        Line number at each slot, -1 for an empty one, int64, (blocks, cols).

    Returns
    -------
    Tensor
        (blocks, cols + 1), `REFERENCE` at the new slots.
    """
    place = ((columns >= 0).sum(1, keepdim=True) + 1) // 2
    slot = torch.arange(columns.shape[1] + 1, device=columns.device)
    source = (slot - (slot > place).long()).clamp(max=columns.shape[1] - 1)  # (blocks, cols + 1)
    return torch.where(slot == place, REFERENCE, columns.gather(1, source))


def reference_share(placement: "Placement", *, floor: float = 0.0) -> Tensor:
    """Return how often each output subtracts what each reference column reads, float64, (references, outputs).

    Parameters
    ----------
    placement
        A placement with reference columns.
    floor
        Conductance at level 0 as a share of the conductance window, g_min / (g_max - g_min): every column carries it
        beside its levels. With 0 the shares are integers, those of the exact integer product.
    """
    share = torch.zeros(placement.references, placement.outputs, dtype=torch.float64, device=placement.levels.device)
    number = placement.column_index.amax(1).long() - placement.outputs  # reference column of each tile, (tiles,)
    first = torch.full((placement.references,), placement.tiles, device=share.device)
    first.scatter_reduce_(0, number, torch.arange(placement.tiles, device=share.device), "amin")
    tile = first[first < placement.tiles]  # one array of every column block that is left, (references left,)
    index = placement.column_index[tile].long()
    reference, data = index >= placement.outputs, (index >= 0) & (index < placement.outputs)
    significance, top = placement.column_significance[tile].double(), 2.0 ** placement.column_bits[tile] - 1
    zero = zero_levels(placement)[tile]
    unit = torch.where(reference, floor * top + (top + 1) / 2, 0).sum(1)  # of a reference column, (references left,)
    worth = significance * (floor * top + zero) / unit[:, None]
    rows = number[tile, None].expand_as(index)
    return share.index_put_((rows[data], index[data]), worth[data], accumulate=True)


def zero_levels(placement: "Placement") -> Tensor:
    """Return the level whose current reference columns cancel in each column, int64, (tiles, cols); 0 without any."""
    if not placement.references:
        return torch.zeros_like(placement.column_bits, dtype=torch.int64)
    place = torch.div(
        -placement.digital_offset, placement.column_significance.long().clamp(min=1), rounding_mode="floor"
    )
    return place % (1 << placement.column_bits.long())


def subtract_references(values: Tensor, share: Tensor) -> Tensor:
    """Subtract from outputs what their reference columns give: (..., outputs + references) -> (..., outputs)."""
    outputs = share.shape[1]
    return values[..., :outputs] - values[..., outputs:] @ share.to(values.dtype)
