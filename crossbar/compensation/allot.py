"""From what each weight should give to the conductances of its cells, for known attenuations."""

import torch
from torch import Tensor

from crossbar.compensation.cell_range import CellRange
from crossbar.compensation.weight_cells import WeightCells

_LEFT_BELOW = 0.47
"""Levels by which a slice without cells of the other sign is rounded away from what lower slices cannot undo: half a
level, less what keeps a code that is a whole number of levels on its level."""


def allot(
    cells: WeightCells,
    attenuation: Tensor,
    base: Tensor | None,
    signal: Tensor,
    reach: CellRange,
    faults: Tensor | None,
    *,
    rounded: bool,
    feedback: bool,
) -> Tensor:
    """Choose conductances so that `T+ - T-` is what the weights want, where `T = attenuation * G`.

    Slice by slice, the most significant first: the cell that carries the sign takes what is wanted, its partner what the
    lower end of the window or rounding leaves. Exact where no cell meets an end of the window.

    Parameters
    ----------
    cells
        Which cells form each weight.
    attenuation
        `T / G` of each cell, (blocks, slices, signs, inputs, outputs), > 0 where there is a cell.
    base
        Part of T that the periphery subtracts [S], same shape; None where cells of both signs do that.
    signal
        Wanted difference of T per level of each slice [S], (slices,).
    reach
        What cells can be.
    faults
        Conductance of known stuck cells [S], NaN for all others; same shape.
    rounded
        Take levels where cells have them.
    feedback
        Let lower slices take what upper ones leave over.

    Returns
    -------
    Tensor
        Conductances [S], same shape; 0 where there is no cell.
    """
    conductance = torch.zeros_like(attenuation)
    left = cells.code
    rounds = rounded and reach.step > 0
    for slot in range(len(cells.unit)):
        own = cells.digit[:, slot] * cells.unit[slot]
        lower = slot + 1 < len(cells.unit)
        wanted = left if feedback and rounds else own
        if feedback and not rounds:
            wanted = left - torch.einsum("bsio,s->bio", cells.digit[:, slot + 1 :], cells.unit[slot + 1 :])
        per_unit = float(signal[slot] / cells.unit[slot])
        stuck = None if faults is None else faults[:, slot]
        pair = _pair(
            wanted * per_unit,
            attenuation[:, slot],
            None if base is None else base[:, slot],
            cells.exists[:, slot],
            reach,
            stuck,
            rounded=rounds,
            lower=lower and feedback,
        )
        conductance[:, slot] = pair
        if feedback and lower:
            given = attenuation[:, slot] * pair
            if base is not None:
                given -= base[:, slot]
            left = left - (given[:, 0] - given[:, 1]) / per_unit
    return conductance


def achieved(cells: WeightCells, transfer: Tensor, base: Tensor | None, signal: Tensor) -> Tensor:
    """Return the integers that cells stand for behind their wires, without row shift, (blocks, inputs, outputs)."""
    given = transfer if base is None else transfer - base
    return torch.einsum("bsio,s->bio", given[:, :, 0] - given[:, :, 1], cells.unit / signal)


def _pair(
    wanted: Tensor,
    attenuation: Tensor,
    base: Tensor | None,
    exists: Tensor,
    reach: CellRange,
    stuck: Tensor | None,
    *,
    rounded: bool,
    lower: bool,
) -> Tensor:
    """Return the conductances of one slice, (blocks, signs, inputs, outputs), for what is wanted of it [S]."""
    divisor = torch.where(exists, attenuation, 1)
    idle = exists * reach.low
    shift: float | Tensor = 0.0
    if base is not None:
        wanted = wanted + (base[:, 0] - base[:, 1])
        shift = _LEFT_BELOW * ((exists[:, 0] != exists[:, 1]) & lower)
    if stuck is not None:
        idle = _held(idle, stuck)
    positive = (wanted + attenuation[:, 1] * idle[:, 1]) / divisor[:, 0]
    positive = (reach.round(positive, -shift) if rounded else reach.limit(positive)) * exists[:, 0]
    if stuck is not None:
        positive = _held(positive, stuck[:, 0])
    negative = (attenuation[:, 0] * positive - wanted) / divisor[:, 1]
    negative = (reach.round(negative, shift) if rounded else reach.limit(negative)) * exists[:, 1]
    if stuck is not None:
        negative = _held(negative, stuck[:, 1])
    return torch.stack([positive, negative], 1)


def _held(values: Tensor, stuck: Tensor) -> Tensor:
    return torch.where(stuck.isnan(), values, stuck)
