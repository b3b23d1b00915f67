"""Slices, signs, tiles and wires as one effective weight, and what the periphery adds to each weight."""

import torch
from torch import Tensor

from crossbar.array.programming import level_step
from devices import Device
from mapping import Placement, left_to_subtract, reference_share, scatter_cells, subtract_references


def column_factor(placement: Placement, device: Device, *, gain: Tensor | None = None) -> Tensor:
    """Return what one siemens at a column's output is worth in integer weight units, (tiles, cols).

    Parameters
    ----------
    placement, device
        Levels of the columns and the window they spread over.
    gain
        Digital factor of each output, () or (outputs,); reference columns get theirs with their share.
    """
    step = level_step(placement, device)
    factor = torch.where(step > 0, placement.column_significance / step, 0)
    if gain is None:
        return factor
    of_sum = torch.cat([gain.expand(placement.outputs), gain.new_ones(placement.references)])
    return factor * of_sum[placement.column_index.clamp(min=0).to(torch.int64)]


def output_share(placement: Placement, gain: Tensor | None) -> Tensor:
    """Return the factor with which each output subtracts each reference column, float64, (references, outputs)."""
    share = reference_share(placement)
    return share if gain is None else share * gain


def baseline_weight(placement: Placement, device: Device) -> Tensor | None:
    """Return what the lower end of the window adds to each weight in integer units, (inputs_per_group, outputs).

    The periphery subtracts it; None where it vanishes because every cell has a partner of the other sign, and where
    reference columns carry it.
    """
    if not placement.tiles or placement.references or device.g_min == 0:
        return None
    factor = column_factor(placement, device)
    g_min = factor.new_tensor(device.g_min).expand(placement.used.shape)
    baseline = scatter_cells(placement, g_min, weight=factor)
    bound = 1e-5 * float(factor.abs().max()) * device.g_min
    low, high = baseline.aminmax()
    return baseline if float(torch.maximum(-low, high)) > bound else None


def digital_weight(placement: Placement, device: Device, *, common: Tensor | None = None) -> Tensor | None:
    """Return what the periphery adds to each weight in integer units, (inputs_per_group, outputs), or None.

    The offset of the codes as far as no reference column carries it, less what the lower end of the window adds: `common`
    where the wires were known when the cells were programmed, else what it would add without wires.
    """
    if placement.references:
        left = left_to_subtract(placement, reference_share(placement)).float()
        return left.expand(placement.inputs_per_group, placement.outputs)
    baseline = baseline_weight(placement, device) if common is None else common
    if baseline is not None:
        return placement.digital_offset - baseline
    if not placement.digital_offset:
        return None
    size = (placement.inputs_per_group, placement.outputs)
    return torch.full(size, float(placement.digital_offset), device=placement.levels.device)


def effective_weight(
    placement: Placement,
    device: Device,
    transfer: Tensor,
    *,
    gain: Tensor | None = None,
    common: Tensor | None = None,
    digital: bool = True,
) -> Tensor:
    """Collapse transfer matrices to the weight they act as, (inputs_per_group, outputs).

    Parameters
    ----------
    placement, device
        Where the cells are, and their window.
    transfer
        [S], (tiles, rows, cols).
    gain
        Digital factor on what the arrays give, () or (outputs,).
    common
        What is common to the outputs of an array and known to the periphery, as for `digital_weight`.
    digital
        Add what the periphery adds.
    """
    weight = scatter_cells(placement, transfer, weight=column_factor(placement, device, gain=gain))
    if placement.references:
        weight = subtract_references(weight, output_share(placement, gain))
    added = digital_weight(placement, device, common=common) if digital else None
    return (weight if added is None else weight.add_(added)).mul_(placement.scale)


def effective_variance(placement: Placement, device: Device, variance: Tensor, *, gain: Tensor | None = None) -> Tensor:
    """Collapse cell variances (tiles, rows, cols) to the read-noise variance of each weight, (inputs_per_group, outputs).

    Exact, because the cells of a weight are independent and see the same input. Not for placements with reference
    columns, whose noise is common to the outputs that subtract them.
    """
    factor = column_factor(placement, device, gain=gain)
    return scatter_cells(placement, variance, weight=factor * factor, power=2) * placement.scale**2
