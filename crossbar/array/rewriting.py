"""Writing single cells of a programmed chip anew: disturbed bits, reset pairs, repairs."""

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from crossbar.array.programming import level_step, program_placement
from devices import AbstractProgrammingError

if TYPE_CHECKING:
    from crossbar.array.crossbar_array import CrossbarArray

_WRITTEN = ("programmed", "drift_state", "read_deviation")
"""What a cell draws anew when it is written."""


@torch.inference_mode(False)
@torch.no_grad()
def rewrite_cells(
    array: "CrossbarArray",
    chosen: Tensor,
    target: Tensor,
    *,
    programming: AbstractProgrammingError | None = None,
    generator: torch.Generator | None = None,
) -> None:
    """Write some cells of a chip; all others, and stuck ones among them, stay as they are.

    What the owner asked of a cell does not change: placement and targets are those of the last programming. A written
    cell shares the clock of its array, as if it had been written with the others.

    Parameters
    ----------
    array
        Programmed arrays.
    chosen
        Which cells are written, bool, (tiles, rows, cols).
    target
        Conductance that a chosen cell shall get [S], (tiles, rows, cols).
    programming
        Error that writing leaves. Default: that of the device.
    generator
        Source of the errors.
    """
    placement, cells, device = array.placement, array.cells, array.config.device
    written = chosen & placement.used
    if cells.stuck is not None:
        written = written & ~cells.stuck
    device = replace(device, stuck=None, programming=programming or device.programming)
    wanted = torch.where(written, target, cells.target)
    drawn = program_placement(placement, device, target=wanted, generator=generator)
    for name in _WRITTEN:
        before, now = getattr(cells, name), drawn[name]
        if before is not None and now is not None:
            setattr(array, name, torch.where(written, now, before))
    array.set_time(float(array.time))


def stored_levels(array: "CrossbarArray") -> Tensor:
    """Return the level nearest to what each cell was left with when it was last written, int64, (tiles, rows, cols)."""
    placement, device = array.placement, array.config.device
    step = level_step(placement, device)[:, None, :]
    level = torch.where(step > 0, (array.cells.programmed - device.g_min) / step, 0).round().to(torch.int64)
    top = (1 << placement.column_bits.to(torch.int64)) - 1
    return level.clamp(min=0).minimum(top[:, None, :]) * placement.used


@torch.inference_mode(False)
@torch.no_grad()
def mark_stuck(array: "CrossbarArray", chosen: Tensor) -> None:
    """Take cells (tiles, rows, cols) for stuck at what they have: they answer to no writing and drift no more."""
    cells = array.cells
    array.stuck = chosen if cells.stuck is None else cells.stuck | chosen
    array.set_time(float(array.time))
