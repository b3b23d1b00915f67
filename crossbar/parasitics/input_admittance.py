"""The public verb: what the drivers deliver, for every input at once."""

import torch
from torch import Tensor

from crossbar.parasitics.inputs import check_conductance, wire_resistances
from crossbar.parasitics.kron_reduction import driver_coupling
from crossbar.parasitics.perfect_lines import perfect_driver_coupling
from crossbar.parasitics.transfer_matrix import PERFECT
from devices import Wires
from devices.arguments import checked


@checked
def input_admittance(conductance: Tensor, wires: Wires, *, resistances: Tensor | None = None) -> Tensor:
    """Return the admittance `Y` that crossbars show to their drivers: voltages `v` make them deliver `v @ Y @ v`.

    That is all power of a read, whatever dissipates it: cells, word lines, bit lines, driver and sense resistances
    (Tellegen). With the second moments `M = sum v v^T` of many inputs their energy is `time * (Y * M).sum()`.

    `Y` is symmetric, `Y 1 = T 1` with the transfer matrix `T`, and `Y = diag(T 1) + L` with a Laplacian `L`: what flows
    from driver to driver. So `sum_i v_i^2 (T 1)_i <= v Y v <= sum_i v_i^2 (G 1)_i`, with equality on both sides where
    no wire has resistance, and on the left where all drivers have one voltage.

    Parameters
    ----------
    conductance
        Cell conductances `(..., rows, cols)`, float32 or float64 [S].
    wires
        The four wire resistances.
    resistances
        `(4,)` row, column, driver, sense [ohm]: overrides `wires` where gradients with respect to them are wanted.

    Returns
    -------
    Tensor
        `Y (..., rows, rows)` [S], as sums of positive terms. Differentiable once in conductances and in resistances
        that are not 0.

    Raises
    ------
    TypeError, ValueError
        If the conductances or resistances are negative, not finite or of the wrong shape.
    """
    check_conductance(conductance)
    values = wire_resistances(wires, resistances, conductance)
    if conductance.numel() == 0:
        return conductance.new_zeros(*conductance.shape[:-1], conductance.shape[-2])
    if min(values[:2].tolist()) < PERFECT:
        coupling, transfer = perfect_driver_coupling(conductance, torch.where(values < PERFECT, 0, values))
    else:
        coupling, transfer = driver_coupling(conductance, values)
    coupling = (coupling + coupling.mT) / 2  # the same but for rounding
    return torch.diag_embed(transfer.sum(-1) + coupling.sum(-1)) - coupling
