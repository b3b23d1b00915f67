"""Reference columns: a bit line in every array that the periphery subtracts from all others.

Where codes are stored with an offset, the offset has to be subtracted. As a number times the sum of the inputs it is
exact for ideal arrays only: wires and drift shrink what the cells give, not the number. A bit line of cells in the
middle of the window lies in the same array, carries the load of an average bit line, and fades with it. (ISAAC, Shafiee
et al., ISCA 2016, has a unit column in the same place, which counts the inputs.) Every level `l` of a cell of top level
`t` then stands for `l - t/2`, and half a unit of the codes is left to subtract as a number.

Reference columns are numbered through after the outputs of a placement: `outputs`, `outputs + 1`, ... One stands in each
tile, and the same one in all tiles of a column block. Their cells take no part in the integer arithmetic.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from mapping.placement import Placement

REFERENCE = -2
"""Stands for the reference column among the numbers of the lines of an array."""
_PLACE = 1 - 3**-0.5
"""Where along evenly loaded word lines the voltage drop, which goes as x - x^2/2, is the average one, 1/3."""


def with_reference_slots(columns: Tensor) -> Tensor:
    """Put a reference column among the lines of every array, where the drop along word lines is the average one.

    Parameters
    ----------
    columns
        Line number at each slot, -1 for an empty one, int64, (blocks, cols).

    Returns
    -------
    Tensor
        (blocks, cols + 1), `REFERENCE` at the new slots, never the first ones.
    """
    place = ((columns >= 0).sum(1, keepdim=True) * _PLACE).round().long().clamp(min=1)
    slot = torch.arange(columns.shape[1] + 1, device=columns.device)
    source = (slot - (slot > place).long()).clamp(max=columns.shape[1] - 1)  # (blocks, cols + 1)
    return torch.where(slot == place, REFERENCE, columns.gather(1, source))


def reference_share(placement: "Placement") -> Tensor:
    """Return the factor with which each output subtracts each reference column, float64, (references, outputs).

    A reference is measured in windows, g_max - g_min; a bit line of significance `s` and top level `t` holds `s t` units
    of the codes in one window, so much is its share.
    """
    share = torch.zeros(placement.references, placement.outputs, dtype=torch.float64, device=placement.levels.device)
    if not placement.tiles:
        return share
    number = placement.column_index.amax(1).long() - placement.outputs  # reference column of each tile, (tiles,)
    tile_of_reference = torch.full((placement.references,), placement.tiles, device=share.device)
    tile_of_reference.scatter_reduce_(0, number, torch.arange(placement.tiles, device=share.device), "amin")
    output = placement.column_index[tile_of_reference].long()  # (references, cols)
    weights = (output >= 0) & (output < placement.outputs)
    units = placement.column_significance.double() * (2.0**placement.column_bits - 1)
    reference = torch.arange(placement.references, device=share.device)[:, None].expand_as(output)
    return share.index_put_((reference[weights], output[weights]), units[tile_of_reference][weights], accumulate=True)


def subtract_references(values: Tensor, share: Tensor) -> Tensor:
    """Subtract from outputs what their reference columns give: (..., outputs + references) -> (..., outputs)."""
    outputs = share.shape[1]
    return values[..., :outputs] - values[..., outputs:] @ share.to(values.dtype)


def refuse_references(placement: "Placement") -> None:
    """Raise unless a placement has no reference columns, which a verb that drops columns or arrays would break."""
    if placement.references:
        raise ValueError(
            f"`placement` must have no reference columns. Got {placement.references}. Map with reference_column=False."
        )


def left_to_subtract(placement: "Placement", share: Tensor) -> Tensor:
    """Return the part of the offset that reference columns do not carry, in units of the codes, (outputs,)."""
    return placement.digital_offset + share.sum(0) / 2
