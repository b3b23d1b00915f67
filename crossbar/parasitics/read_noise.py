"""Read noise of the cells, seen at the outputs through the wires."""

import torch
from torch import Tensor

_SMALL = 0.1
"""Share of the mean conductance of an array below which a cell's own current drowns in what its lines leak."""


def attenuation(conductance: Tensor, transfer: Tensor) -> Tensor:
    """Return the share of a cell's current at full voltage that reaches its output, in [0, 1] without wires' leaks.

    For a cell that conducts, `T / G`. That of a cell which is off, or nearly, is 0/0 or made of what leaks past it from
    word line to word line, while noise of its conductance arrives like any other: by the share of the drive that its
    word line has there, times the share of a current that its bit line delivers. Both are taken from the cells around
    it, as the product of `sum T / sum G` of its row and of its column over that of the array; an array without any
    current gives 1, which is its limit. Against the exact derivative `dT_ij / dG_ij` of cells that are off, that is
    within 10 % at Lambda = 0.2 (`Wires.coupling`) and 14 % at 0.9; on a line on which every cell is off, whose share is
    taken to be the largest of the other lines, within 12 % and 33 %.

    Parameters
    ----------
    conductance, transfer
        `(..., rows, cols)` of one shape [S].
    """
    if conductance.shape != transfer.shape:
        raise ValueError(
            f"`transfer` must have the shape of `conductance`, {tuple(conductance.shape)}. Got {tuple(transfer.shape)}."
        )
    present = (conductance > 0).sum((-2, -1), keepdim=True).clamp(min=1)
    small = conductance <= _SMALL * conductance.sum((-2, -1), keepdim=True) / present
    if not bool(small.any()):
        return transfer / conductance
    by_lines = _share(conductance, transfer, -1) * _share(conductance, transfer, -2)
    by_lines = by_lines / _share(conductance, transfer, (-2, -1))
    return torch.where(small, by_lines, transfer / torch.where(small, 1, conductance))


def _share(conductance: Tensor, transfer: Tensor, dimensions: int | tuple[int, ...]) -> Tensor:
    """Return `sum T / sum G` over dimensions; where nothing conducts, the largest of the others, else 1."""
    total = conductance.sum(dimensions, keepdim=True)
    share = transfer.sum(dimensions, keepdim=True) / torch.where(total > 0, total, 1)
    largest = share.amax((-2, -1), keepdim=True)
    return torch.where(total > 0, share, torch.where(largest > 0, largest, 1))


def output_noise_variance(voltages: Tensor, variance: Tensor, conductance: Tensor, transfer: Tensor) -> Tensor:
    """Return the variance of the output currents by independent read noise of the cells, behind their wires.

    `var(I_j) = sum_i V_i^2 (T_ij / G_ij)^2 var(G_ij)`: each cell's noise current is attenuated like its signal. It
    is exact without wires.

    It fails in three ways. The change of a cell also redistributes the current of its lines, which this leaves out:
    the standard deviation comes out too large by up to a share of about `Lambda` (`Wires.coupling`) with inputs of
    one sign, less with both (measured against exact sensitivities, 10 % noise, up to 128 x 128: 2 % at Lambda = 0.02,
    8 % at 0.09, 17 % at 0.39, 49 % at 1.5; ignoring the wires is wrong by 3, 22, 64 and 315 %). Outputs of one array
    are taken for independent, though lines couple them. And noise that is not small against the conductance itself
    shifts the mean, which a variance does not tell. Draw conductances and solve for `transfer_matrix` where that
    matters.

    Parameters
    ----------
    voltages
        `(..., inputs, rows)` [V].
    variance
        `(..., rows, cols)` of the conductances [S^2].
    conductance, transfer
        `(..., rows, cols)` mean conductances and their `transfer_matrix` [S].

    Returns
    -------
    Tensor
        `(..., inputs, cols)` [A^2].
    """
    if variance.shape != conductance.shape:
        raise ValueError(
            f"`variance` must have the shape of `conductance`, {tuple(conductance.shape)}. Got {tuple(variance.shape)}."
        )
    return voltages.square() @ (attenuation(conductance, transfer).square() * variance)
