"""Arrays of cells that exist already: the same chip read in another way, or with its rows on other word lines."""

from dataclasses import fields
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from devices import ProgrammedCells
from mapping import Placement

if TYPE_CHECKING:
    from crossbar.array.crossbar_array import CrossbarArray


@torch.inference_mode(False)
@torch.no_grad()
def adopt_cells(
    array: "CrossbarArray",
    placement: Placement,
    cells: ProgrammedCells,
    *,
    time: float,
    converter_errors: Tensor | None = None,
) -> None:
    """Let an array hold cells that were programmed elsewhere; what was fitted to its own is dropped.

    Parameters
    ----------
    array
        Arrays of any state.
    placement
        Where the cells are.
    cells
        Every cell with its own draws, (tiles, rows, cols); their targets are those of the placement.
    time
        Seconds since they were programmed.
    converter_errors
        Errors of the converters of each bit line, (3, tiles, cols), or None.
    """
    array._shape = {}
    for field in fields(placement):
        value = getattr(placement, field.name)
        if isinstance(value, Tensor):
            setattr(array, field.name, value)
        else:
            array._shape[field.name] = value
    for name in ("target", "signal", "common"):
        setattr(array, name, None)
    for name in ("programmed", "drift_state", "read_deviation", "stuck"):
        setattr(array, name, getattr(cells, name))
    array.corrections.start_chip(placement.outputs, tuple(placement.column_index.shape))
    array.converter_errors = converter_errors
    array.set_time(time)
