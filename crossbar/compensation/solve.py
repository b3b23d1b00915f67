"""Targets of a few arrays for a given scale."""

from dataclasses import dataclass

import torch
from torch import Tensor

from crossbar.compensation.allot import allot
from crossbar.compensation.arrays import Arrays
from crossbar.compensation.cell_range import CellRange
from crossbar.compensation.common_part import common_part
from crossbar.wire_compensation import WireCompensation

_INNER = 16
_ROUNDING = 3
"""Repetitions with levels, which jump and so need not settle."""
_SINGULAR = 1e-6
"""Share of a cell's current that reaches the output, below which an array does nothing."""
_BELOW_LEVELS = 0.3
"""Part of the rounding error of the last slice below which the error of a transfer matrix does not show."""
_CLOSER = 0.1
"""Part of the tolerance to which the cheap law is solved between two exact solutions."""


@dataclass(kw_only=True)
class Targets:
    """Conductances that are sought, and what is known of their attenuation; (tiles, rows, cols) each."""

    conductance: Tensor
    """[S]"""
    correction: Tensor
    """Exact attenuation over that of the first-order law, where last computed."""
    base: Tensor | None = None
    """Part of the transfer matrix that the periphery subtracts [S], or None."""
    solutions: int = 0
    """Transfer matrices computed, one per array and round."""
    rounds: int = 0
    """Times that they were computed."""
    error: float = float("inf")
    """Largest rms error of what the last transfer matrices were expected to be, relative to the signal."""


def first_targets(arrays: Arrays, reach: CellRange) -> Targets:
    """Return all cells at the lower end of the window, the attenuation not yet corrected."""
    used = arrays.placement.used
    low = torch.full(used.shape, reach.low, device=used.device).masked_fill_(~used, 0)
    return Targets(conductance=low, correction=torch.ones_like(low))


def predict(
    arrays: Arrays,
    targets: Targets,
    scale: float,
    reach: CellRange,
    settings: WireCompensation,
    *,
    closeness: float | None = None,
) -> None:
    """Solve for targets with the corrected first-order law, to a relative change of `closeness`, in place."""
    closeness = _CLOSER * settings.tolerance if closeness is None else closeness
    sharp = arrays.config.device.levels is not None
    for rounded in (False, True) if sharp else (False,):
        for _ in range(_ROUNDING if rounded else _INNER):
            before = targets.conductance
            _step(arrays, targets, scale, reach, settings, rounded=rounded)
            change = (targets.conductance - before).norm() / targets.conductance.norm()
            if change <= closeness:
                break


def solve(arrays: Arrays, targets: Targets, scale: float, reach: CellRange, settings: WireCompensation) -> None:
    """Solve for targets until their transfer matrices are what they should be, array by array, in place."""
    signal = scale * arrays.signal
    tolerance = max(settings.tolerance, _BELOW_LEVELS * arrays.rounding / float(signal))
    count = int(arrays.component.max()) + 1
    active = torch.ones(count, dtype=torch.bool, device=arrays.tiles.device)
    while bool(active.any()) and targets.rounds < settings.max_solutions:
        predict(arrays, targets, scale, reach, settings)
        tiles = torch.nonzero(active[arrays.component])[:, 0]
        error = correct(arrays, targets, tiles) / signal
        worst = torch.zeros(count, device=error.device).scatter_reduce_(0, arrays.component[tiles], error, "amax")
        active &= worst > tolerance
        targets.error = float(worst.max())
    predict(arrays, targets, scale, reach, settings)


def correct(arrays: Arrays, targets: Targets, tiles: Tensor | None = None) -> Tensor:
    """Compute exact transfer matrices and correct the law with them; return how far off it was, rms [S], (tiles,)."""
    chosen = slice(None) if tiles is None else tiles
    exact = arrays.attenuation(targets.conductance, exact=True, tiles=tiles)
    law = arrays.attenuation(targets.conductance, exact=False, tiles=tiles)
    used = arrays.placement.used[chosen]
    if not bool((exact[used] > _SINGULAR).all()):
        raise ValueError(
            "The arrays are singular: behind these wires nothing of some cells reaches an output. Check `wires` "
            f"({arrays.config.wires}) and stuck cells, or use smaller arrays."
        )
    ratio = torch.where(used, exact / torch.where(used, law, 1), 1)
    deviation = (ratio - targets.correction[chosen]) * law * targets.conductance[chosen]
    targets.correction[chosen] = ratio
    targets.solutions += len(exact)
    targets.rounds += 1
    cells = used.flatten(1).sum(1).clamp(min=1)
    return (deviation.square().flatten(1).sum(1) / cells).sqrt()


def _step(
    arrays: Arrays, targets: Targets, scale: float, reach: CellRange, settings: WireCompensation, *, rounded: bool
) -> None:
    share = arrays.attenuation(targets.conductance, exact=False).mul_(targets.correction)
    targets.base = common_part(arrays, share, reach.low)
    conductance = allot(
        arrays.cells,
        arrays.cells.collect(share),
        None if targets.base is None else arrays.cells.collect(targets.base),
        scale * arrays.step,
        reach,
        arrays.faults,
        rounded=rounded,
        feedback=settings.error_feedback,
    )
    targets.conductance = arrays.cells.spread(conductance, share)
