"""The verb: targets for all cells of a layer, and what the periphery has to know about them."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from crossbar.array.collapse import column_factor
from crossbar.compensation.arrays import split_arrays
from crossbar.compensation.cell_range import cell_range
from crossbar.compensation.choose_scale import choose_scale
from crossbar.compensation.solve import first_targets, solve
from crossbar.config import CrossbarConfig
from devices.caller_warning import warn_caller
from mapping import Placement, scatter_cells

_SAMPLED_CELLS = 1 << 16
"""Cells over which the scale of a layer is chosen."""


class NothingToCompensateWarning(UserWarning):
    """Targets are to be compensated for wires that have no resistance."""


@dataclass(frozen=True, kw_only=True)
class Compensation:
    """Targets for which arrays do behind their wires what the weights say, times a scale."""

    target: Tensor
    """Conductance to program each cell to [S], (tiles, rows, cols); 0 where there is no cell."""
    scale: float
    """Signal that is kept: outputs are to be divided by it."""
    common: Tensor | None
    """What the periphery subtracts from each weight once it is divided by the scale, in integer units, (inputs_per_group,
    outputs): per array a product of a number per word line and one per bit line. None: nothing."""
    solutions: int
    """Transfer matrices computed."""


def compensate(placement: Placement, config: CrossbarConfig, *, faults: Tensor | None = None) -> Compensation:
    """Return targets for which the arrays of a placement do behind their wires what its weights say.

    Parameters
    ----------
    placement
        Where the weights live.
    config
        Technology; `config.compensation` says what is assumed.
    faults
        Conductance of known stuck cells [S], (tiles, rows, cols), NaN for all others.

    Raises
    ------
    ValueError
        If `config.compensation` is None, the window is too small for these wires, or an array is singular.

    Warns
    -----
    NothingToCompensateWarning
        If the wires have no resistance and no cell is known to be stuck.
    """
    settings = config.compensation
    if settings is None:
        raise ValueError(
            "`config.compensation` must be a WireCompensation. Got None. Use compensation=WireCompensation()."
        )
    assumed = replace(config, wires=settings.wires or config.wires)
    if assumed.wires.ideal and (faults is None or bool(faults.isnan().all())):
        warn_caller(
            "`compensation` has nothing to do: the wires have no resistance. Give `wires` some, or use compensation=None.",
            NothingToCompensateWarning,
        )
    reach = cell_range(config.device, settings.time)
    groups = [(arrays, first_targets(arrays, reach)) for arrays in split_arrays(placement, assumed, faults)]
    scale = settings.scale
    if scale is None:
        count = max(1, _SAMPLED_CELLS // max(1, groups[0][0].placement.levels.numel())) if groups else 1
        scale = choose_scale(groups[:: -(-len(groups) // count)], reach, settings) if groups else 1.0
    target = torch.zeros(placement.used.shape, device=placement.used.device)
    base = torch.zeros_like(target)
    for arrays, targets in groups:
        solve(arrays, targets, scale, reach, settings)
        asked = reach.asked(targets.conductance).clamp(config.device.g_min, config.device.g_max)
        target[arrays.tiles] = asked.masked_fill(~arrays.placement.used, 0)
        if targets.base is not None:
            base[arrays.tiles] = targets.base
    return Compensation(
        target=target,
        scale=scale,
        common=_common_weight(placement, config, base, scale),
        solutions=sum(targets.solutions for _, targets in groups),
    )


def _common_weight(placement: Placement, config: CrossbarConfig, base: Tensor, scale: float) -> Tensor | None:
    """Return the common part of the transfer matrices as part of each weight, where no reference column subtracts it."""
    if placement.references or not bool(base.any()):
        return None
    return scatter_cells(placement, base, weight=column_factor(placement, config.device)) / scale
