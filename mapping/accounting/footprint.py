"""The size of a placement and the work of one read."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from devices.arguments import checked
from mapping.placement import Placement

Cycles = Callable[[int], int]
"""Input cycles of a read whose largest row shift is the argument, as `InputConfig.cycles`."""


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """What the arrays of one weight matrix take, and what reading them with one input vector takes.

    Parameters
    ----------
    crossbars
        Arrays.
    cells
        Cells that hold a bit of a weight or a reference, zeros included.
    array_cells
        Cells of one array.
    adc_conversions
        Conversions per input vector: every used bit line, or pair of them, in every cycle of its operation unit.
    input_cycles
        Cycles per input vector, that is, of the array with the most.
    """

    crossbars: int
    cells: int
    array_cells: int
    adc_conversions: int
    input_cycles: int

    @property
    def utilization(self) -> float:
        """Share of the cells of the arrays that hold a bit of a weight or a reference."""
        return self.cells / (self.crossbars * self.array_cells) if self.crossbars else 0.0


@checked
def footprint(
    placement: Placement, cycles: Cycles, *, parallel_rows: int | None = None, subtract_pairs: bool = False
) -> Footprint:
    """Return what a placement takes.

    An array with shifted rows reads for as many cycles as its largest shift asks for; the others stop earlier.

    Parameters
    ----------
    placement
        Where the cells are.
    cycles
        Input cycles of a read whose largest row shift is the argument, as `InputConfig.cycles`.
    parallel_rows
        Word lines driven at a time; each group that has one is read and converted by itself. None: all of an array.
    subtract_pairs
        The currents of the two bit lines of a pair are subtracted before one converter; pairs on word lines have one
        bit line anyway.
    """
    rows, cols = placement.array_shape
    lines_per_converter = 2 if subtract_pairs and not placement.has_opposite_rows else 1
    columns = (
        _by_unit(placement.present, parallel_rows).any(2).sum(2)
    )  # with a cell on the unit's lines, (tiles, units)
    lines, shifts = (_by_unit(values, parallel_rows) for values in (placement.row_index + 1, placement.row_shift))
    own_cycles = (
        [[cycles(shift) for shift in of_tile] for of_tile in shifts.amax(2).tolist()] if columns.numel() else []
    )
    reads = (lines > 0).any(2) * torch.tensor(own_cycles, dtype=torch.int64).reshape(lines.shape[:2]).to(lines.device)
    return Footprint(
        crossbars=placement.tiles,
        cells=int(placement.used.sum()),
        array_cells=rows * cols,
        adc_conversions=int((columns * reads).sum()) // lines_per_converter,
        input_cycles=int(reads.max()) if reads.numel() else 0,
    )


def _by_unit(values: Tensor, parallel_rows: int | None) -> Tensor:
    """Cut (tiles, rows, ...) into the word lines driven at a time, (tiles, units, rows, ...), from the last rows on."""
    tiles, rows, *rest = values.shape
    width = min(parallel_rows or rows, rows) or 1
    return F.pad(values, (0, 0) * len(rest) + (-rows % width, 0)).view(tiles, -(-rows // width), width, *rest)
