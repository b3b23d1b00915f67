"""The collapsed plan: slices, signs, tiles and wires as one effective weight."""

import torch
from torch import Tensor

from crossbar.array.programming import level_step
from devices import Device
from mapping import Placement, left_to_subtract, reference_share, scatter_cells, subtract_references


def column_factor(placement: Placement, device: Device) -> Tensor:
    """Return what one siemens at a column's output is worth in integer weight units, (tiles, cols)."""
    step = level_step(placement, device)
    return torch.where(step > 0, placement.column_significance / step, 0)


def baseline_weight(placement: Placement, device: Device) -> Tensor | None:
    """Return what the lower end of the window adds to each weight in integer units, (inputs_per_group, outputs).

    The periphery subtracts it; None where it vanishes because every cell has a partner of the other sign, and where
    reference columns carry it.
    """
    if not placement.tiles or placement.references:
        return None
    g_min = torch.full(placement.used.shape, device.g_min, device=placement.used.device)
    baseline = scatter_cells(placement, g_min, weight=column_factor(placement, device))
    bound = 1e-5 * float(column_factor(placement, device).abs().max()) * device.g_min
    return baseline if bool((baseline.abs() > bound).any()) else None


def effective_weight(placement: Placement, device: Device, transfer: Tensor, baseline: Tensor | None) -> Tensor:
    """Collapse transfer matrices (tiles, rows, cols) to the weight they act as, (inputs_per_group, outputs)."""
    weight = scatter_cells(placement, transfer, weight=column_factor(placement, device))
    if placement.references:
        share = reference_share(placement)
        left = left_to_subtract(placement, share).to(weight.dtype)
        return (subtract_references(weight, share) + left) * placement.scale
    if baseline is not None:
        weight = weight - baseline
    return (weight + placement.digital_offset) * placement.scale


def effective_variance(placement: Placement, device: Device, variance: Tensor) -> Tensor:
    """Collapse cell variances (tiles, rows, cols) to the read-noise variance of each weight, (inputs_per_group, outputs).

    Exact, because the cells of a weight are independent and see the same input. Not for placements with reference
    columns, whose noise is common to the outputs that subtract them.
    """
    factor = column_factor(placement, device)
    return scatter_cells(placement, variance, weight=factor * factor, power=2) * placement.scale**2
