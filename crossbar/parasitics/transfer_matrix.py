"""The public verb: the exact linear map from input voltages to output currents."""

from torch import Tensor

from crossbar.parasitics.block_elimination import block_elimination
from crossbar.parasitics.inputs import check_conductance, wire_resistances
from devices import Wires
from devices.validation import check_choice

METHODS = ("auto", "block")


def transfer_matrix(
    conductance: Tensor, wires: Wires, *, method: str = "auto", resistances: Tensor | None = None
) -> Tensor:
    """Return the exact transfer matrix `T` of crossbars with wire resistance: `I = V @ T` for every input.

    Parameters
    ----------
    conductance
        Cell conductances `(..., rows, cols)`, float32 or float64 [S]. Rows are word lines (inputs), columns bit lines
        (outputs); 0 is an open cell.
    wires
        The four wire resistances.
    method
        "block" or "auto".
    resistances
        `(4,)` row, column, driver, sense [ohm]: overrides `wires` where gradients with respect to them are wanted.

    Returns
    -------
    Tensor
        `T (..., rows, cols)` [S], `0 <= T <= conductance`; differentiable.

    Raises
    ------
    TypeError, ValueError
        If the conductances or resistances are negative, not finite or of the wrong shape.
    """
    check_choice("method", method, METHODS)
    check_conductance(conductance)
    values = wire_resistances(wires, resistances, conductance)
    if resistances is None and wires.ideal:
        return conductance.clone()
    return block_elimination(conductance, values)
