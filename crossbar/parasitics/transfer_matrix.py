"""The public verb: the exact linear map from input voltages to output currents."""

import torch
from torch import Tensor

from crossbar.parasitics.block_elimination import block_elimination
from crossbar.parasitics.inputs import check_conductance, wire_resistances
from crossbar.parasitics.kron_reduction import kron_reduction
from crossbar.parasitics.perfect_lines import perfect_lines
from devices import Wires
from devices.arguments import checked
from devices.validation import check_choice

METHODS = ("auto", "kron", "block")
PERFECT = 1e-25
"""Resistance below which a wire segment is a perfect conductor: it changes no digit, and its inverse may overflow."""


@checked
def transfer_matrix(
    conductance: Tensor, wires: Wires, *, method: str = "auto", resistances: Tensor | None = None
) -> Tensor:
    """Return the exact transfer matrix `T` of crossbars with wire resistance: `I = V @ T` for every input.

    Parameters
    ----------
    conductance
        Cell conductances `(..., rows, cols)`, float32 or float64 [S]. Rows are word lines (inputs), columns bit lines
        (outputs); 0 is an open cell. Batches of any size are worked off in groups that stay in cache.
    wires
        The four wire resistances.
    method
        "kron": hierarchical reduction, about 60 n^3 operations for n x n cells; needs `row > 0` and `column > 0`.
        "block": elimination word line by word line, 6 n^4 operations; any circuit.
        "auto": a recurrence along the lines where the others are perfect conductors (`row = 0` or `column = 0`), and
        "kron" otherwise.
    resistances
        `(4,)` row, column, driver, sense [ohm]: overrides `wires` where gradients with respect to them are wanted.

    Returns
    -------
    Tensor
        `T (..., rows, cols)` [S], `0 <= T <= conductance`. Differentiable once; the gradient with respect to all
        conductances and resistances is one adjoint pass back through the reduction, cheaper than the forward pass.

    Raises
    ------
    TypeError, ValueError
        If the conductances or resistances are negative, not finite or of the wrong shape, or if "kron" is asked for
        and a line is a perfect conductor.
    """
    check_choice("method", method, METHODS)
    check_conductance(conductance)
    values = wire_resistances(wires, resistances, conductance)
    perfect = min(values[:2].tolist()) < PERFECT
    if method == "kron" and perfect:
        raise ValueError('`method` "kron" needs `row` > 0 and `column` > 0. Use "auto" or "block" for perfect lines.')
    if conductance.numel() == 0:
        return conductance.clone()
    # A gradient with respect to a resistance of 0 exists, but not along the path that leaves it out.
    if method == "block" or (perfect and values.requires_grad):
        return block_elimination(conductance, values)
    if perfect:
        return perfect_lines(conductance, torch.where(values < PERFECT, 0, values))
    return kron_reduction(conductance, values)
