"""What groups of a convolution that share an array give one another, through idle cells where their lines cross."""

import torch
import torch.nn.functional as F
from torch import Tensor

from crossbar.array.collapse import column_factor
from devices import Device
from mapping import Placement
from mapping.placement import row_factor, tile_chunks


def crosstalk_weight(
    placement: Placement, device: Device, transfer: Tensor, *, gain: Tensor | None = None
) -> Tensor | None:
    """Return the weight with which inputs reach outputs of other groups of their array, or None where they do not.

    What idle cells add without wires and errors is subtracted already: see `idle_weight`.

    Parameters
    ----------
    placement, device
        Where the cells are, and their window.
    transfer
        [S], (tiles, rows, cols).
    gain
        Digital factor on what the arrays give, () or (outputs,).

    Returns
    -------
    Tensor or None
        (arrays, outputs of an array, inputs of an array), in weight units; what no array has is 0.
    """
    crossed = _crossed(placement, transfer, column_factor(placement, device, gain=gain))
    if crossed is None:
        return None
    idle = idle_weight(placement, device)
    crossed = crossed if idle is None else crossed - idle.to(crossed.dtype)
    return crossed * _per_output(placement, placement.scale.to(crossed.dtype))


def idle_weight(placement: Placement, device: Device) -> Tensor | None:
    """Return what idle cells exactly at g_min would add without wires, in integer units, or None where nothing.

    The periphery subtracts it. Nothing is left where every cell has a partner of the other sign.

    Returns
    -------
    Tensor or None
        (arrays, outputs of an array, inputs of an array).
    """
    if placement.crossings is None:
        return None
    factor = column_factor(placement, device)
    idle = _crossed(placement, factor.new_full(placement.used.shape, device.g_min), factor)
    bound = 1e-5 * float(factor.abs().max()) * device.g_min if factor.numel() else 0.0
    return idle if idle is not None and bool((idle.abs() > bound).any()) else None


def cross_product(codes: Tensor, weight: Tensor, outputs: int) -> Tensor:
    """Multiply vectors (vectors, inputs) with a weight of `crosstalk_weight`, (vectors, outputs)."""
    arrays, _, inputs = weight.shape
    padded = F.pad(codes, (0, arrays * inputs - codes.shape[1])).view(len(codes), arrays, inputs)
    return torch.einsum("vai,aoi->vao", padded, weight.to(codes.dtype)).flatten(1)[:, :outputs]


def _crossed(placement: Placement, values: Tensor, factor: Tensor) -> Tensor | None:
    """Sum a value per idle cell, times the factor of its column, over the cells that join an input to an output."""
    crossings = placement.crossings
    if crossings is None:
        return None
    inputs, outputs, arrays = _sizes(placement)
    result = values.new_zeros(arrays * outputs * inputs)
    for tiles in tile_chunks(placement):
        part = torch.where(crossings[tiles], values[tiles], 0) * factor[tiles, None, :].to(values.dtype)
        part = part * row_factor(placement, tiles)[:, :, None].to(values.dtype)
        row = placement.row_index[tiles].clamp(min=0).to(torch.int64)  # (tiles, rows)
        column = placement.column_index[tiles].clamp(min=0).to(torch.int64) * inputs  # of (arrays, outputs, inputs)
        cell = column[:, None, :] + (row % inputs)[:, :, None]
        result.index_add_(0, cell.flatten(), part.flatten())
    return result.view(arrays, outputs, inputs)


def _sizes(placement: Placement) -> tuple[int, int, int]:
    """Return inputs and outputs of a full array, and the number of arrays, stacks of slices counted once."""
    together = placement.crossed_groups
    inputs, outputs = together * placement.inputs_per_group, together * (placement.outputs // placement.groups)
    return inputs, outputs, -(-placement.groups // together)


def _per_output(placement: Placement, values: Tensor) -> Tensor:
    """Give values, () or (outputs,), a shape that broadcasts to (arrays, outputs of an array, inputs)."""
    if not values.ndim:
        return values
    _, outputs, arrays = _sizes(placement)
    return F.pad(values, (0, arrays * outputs - len(values))).view(arrays, outputs, 1)
