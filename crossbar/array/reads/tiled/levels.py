"""Cells exactly on their levels: the currents that reach the converters as whole numbers times one step."""

from dataclasses import dataclass

import torch
from torch import Tensor

from crossbar.array.conversions import Conversions, currents_of
from crossbar.array.programming import level_step, target_conductance
from crossbar.array.solved import SolvedArrays

WHOLE = 2**24
"""Whole numbers below it are exact in float32, and so are sums of them in any order."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LevelSums:
    """The current of a conversion: `step` times the level of each cell, and `lowest` for each driven word line."""

    levels: Tensor
    """Whole numbers as floating point, with the signs of word lines and pairs, (conversions, rows)."""
    step: Tensor
    """Conductance of one level [S], (conversions,)."""
    lowest: Tensor | None
    """Conductance of level 0 [S], (conversions,); None where it is 0 or every one has a partner of the other sign."""


def level_sums(solved: SolvedArrays, found: Conversions) -> LevelSums | None:
    """Return the currents of conversions as sums of levels, or None where they are none.

    They are where every cell has exactly the conductance of its level, no wire, noise or converter adds to it, all word
    lines of an array have a cell on each of its bit lines, and float32 holds every sum.
    """
    placement, device = solved.placement, solved.config.device
    if solved.config.fresh_read_noise or solved.curve is not None or solved.conductance is not None:
        return None
    if solved.converter_errors is not None or placement.references:
        return None
    present = placement.row_index >= 0
    columns = placement.column_index >= 0
    if not torch.equal(placement.present, present[:, :, None] & columns[:, None, :]):
        return None
    if not torch.equal(solved.transfer, target_conductance(placement, device).to(solved.transfer.dtype)):
        return None
    paired = found.partner is not None
    if placement.has_opposite_rows:
        signs = (placement.row_sign * present).view(placement.tiles, -1, 2).sum(2)
        if bool(signs.any()):
            return None
        paired = True
    step = level_step(placement, device).flatten().to(solved.transfer.dtype)
    own = step[found.column]
    if found.partner is not None and not torch.equal(own, step[found.partner]):
        return None
    whole = placement.levels * placement.row_sign[:, :, None] if placement.has_opposite_rows else placement.levels
    levels = currents_of((whole * placement.used).to(solved.transfer.dtype), found)
    largest_pulse = 2 ** (solved.config.inputs.pulse_bits or 0) - 1
    largest = float(levels.abs().sum(1).max()) if len(levels) else 0.0
    if max(largest, levels.shape[1]) * largest_pulse >= WHOLE:
        return None
    lowest = None if paired or device.g_min == 0 else torch.full_like(own, device.g_min)
    return LevelSums(levels=levels, step=own, lowest=lowest)
