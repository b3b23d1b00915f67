"""What flips of single bits change in the weights that a chip acts as."""

from dataclasses import dataclass

import torch
from torch import Tensor

from crossbar.array import CrossbarArray
from crossbar.array.collapse import column_factor
from crossbar.array.programming import level_step
from crossbar.array.rewriting import stored_levels
from mapping import cell_index
from mapping.placement import row_factor


@dataclass(frozen=True, kw_only=True, eq=False)
class BitChanges:
    """Every bit of a layer that can flip.

    Parameters
    ----------
    cell
        Flat position of its cell in (tiles, rows, cols), int64, (bits,).
    bit
        Bit of the cell, int64, (bits,).
    input, output
        Weight that it belongs to, int64, (bits,).
    change
        What its flip adds to the weight, without what wires take, (bits,).
    """

    cell: Tensor
    bit: Tensor
    input: Tensor
    output: Tensor
    change: Tensor


@torch.no_grad()
def bit_changes(array: CrossbarArray) -> BitChanges:
    """Return every bit of a chip that can flip, and what that changes; cells that are stuck hold none."""
    placement = array.placement
    levels, stuck = stored_levels(array), array.cells.stuck
    exists = placement.used & (placement.column_index < placement.outputs)[:, None, :]
    if stuck is not None:
        exists = exists & ~stuck
    one_level = column_factor(placement, array.config.device, gain=array.array_gain())
    one_level = one_level * level_step(placement, array.config.device)  # (tiles, cols)
    found: dict[str, list[Tensor]] = {"cell": [], "bit": [], "change": []}
    for bit in range(int(placement.column_bits.max()) if placement.tiles else 0):
        cell = (exists & (placement.column_bits > bit)[:, None, :]).flatten().nonzero()[:, 0]
        direction = 1 - 2 * (levels.flatten()[cell] >> bit & 1)
        worth = (one_level[:, None, :] * row_factor(placement)[:, :, None]).flatten()[cell]
        found["cell"].append(cell)
        found["bit"].append(torch.full_like(cell, bit))
        found["change"].append(worth * direction * (1 << bit))
    cell = _joined(found["cell"], levels)
    weight = cell_index(placement, slice(None)).flatten()[cell]
    row, output = weight // placement.outputs_and_references, weight % placement.outputs_and_references
    scale = placement.scale.expand(placement.outputs)[output]
    change = torch.cat(found["change"]) * scale if len(cell) else scale
    return BitChanges(cell=cell, bit=_joined(found["bit"], levels), input=row, output=output, change=change)


def _joined(parts: list[Tensor], levels: Tensor) -> Tensor:
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.int64, device=levels.device)
