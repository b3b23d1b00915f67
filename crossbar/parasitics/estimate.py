"""A transfer matrix for the price of four sums: what to expect before solving."""

from torch import Tensor

from crossbar.parasitics.inputs import check_conductance, wire_resistances
from devices import Wires
from devices.arguments import checked


@checked
def ir_drop_estimate(conductance: Tensor, wires: Wires, *, resistances: Tensor | None = None) -> Tensor:
    """Return an estimate of the transfer matrix, from the currents that perfect wires would carry.

    `T = G / (1 + a + b)`: `a` is the voltage drop along a cell's word line if every cell on it draws `G V`, relative
    to V, and `b` the same along its bit line. To first order in the resistances it is exact, like the alpha-beta
    matrix model (IEEE 9691996), and better than it beyond. About `10 rows cols` operations.

    Measured: relative rms error of the currents of 256 positive inputs against `transfer_matrix`, resistances uniform
    in 10 kohm - 1 Mohm, `row = column = r` (in brackets: the error of ignoring wires).

    ====  ================  ================  ================
    n     r = 1 ohm         r = 5 ohm         r = 10 ohm
    ====  ================  ================  ================
    32    1.9e-6 (4.1e-3)   6.5e-5 (2.3e-2)   1.9e-4 (4.4e-2)
    64    1.8e-5 (1.5e-2)   5.5e-4 (7.7e-2)   1.8e-3 (1.5e-1)
    128   2.0e-4 (5.4e-2)   3.6e-3 (2.7e-1)   1.1e-2 (5.3e-1)
    256   2.2e-3 (2.1e-1)   2.4e-2 (9.8e-1)   5.3e-2 (1.9e+0)
    ====  ================  ================  ================

    Use it to choose an array size or to decide whether wires matter. Its error is about `Lambda^2 / 50` of the
    currents for a coupling `Lambda` (`Wires.coupling`) below 1; beyond, single outputs can be wrong by 10 % and more.

    Parameters
    ----------
    conductance
        `(..., rows, cols)` [S].
    wires
        The four wire resistances.
    resistances
        `(4,)` row, column, driver, sense [ohm]: overrides `wires`.

    Returns
    -------
    Tensor
        `(..., rows, cols)` [S], between 0 and `conductance`; differentiable.

    Raises
    ------
    TypeError, ValueError
        If the conductances or resistances are negative, not finite or of the wrong shape.
    """
    check_conductance(conductance)
    row, column, driver, sense = wire_resistances(wires, resistances, conductance).unbind()
    carried = conductance.flip(-1).cumsum(-1).flip(-1)  # current of each word-line segment at 1 V
    drop = row * carried.cumsum(-1) + driver * carried[..., :1]
    collected = conductance.cumsum(-2)  # current of each bit-line segment at 1 V
    rise = column * collected.flip(-2).cumsum(-2).flip(-2) + sense * collected[..., -1:, :]
    return conductance / (1 + drop + rise)
