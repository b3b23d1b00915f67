"""Read noise of the cells, seen at the outputs through the wires."""

import torch
from torch import Tensor


def attenuation(conductance: Tensor, transfer: Tensor) -> Tensor:
    """Return `T / G` of each cell, the share of its current at full voltage that reaches its output; 0 if open.

    Parameters
    ----------
    conductance, transfer
        `(..., rows, cols)` of one shape [S].
    """
    if conductance.shape != transfer.shape:
        raise ValueError(
            f"`transfer` must have the shape of `conductance`, {tuple(conductance.shape)}. Got {tuple(transfer.shape)}."
        )
    closed = conductance > 0
    return torch.where(closed, transfer / torch.where(closed, conductance, 1), 0)


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
