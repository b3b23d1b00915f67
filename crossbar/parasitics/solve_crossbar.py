"""The public verb: all node voltages and currents for given inputs."""

import torch
from torch import Tensor

from crossbar.parasitics.adjoint import differentiable_voltages
from crossbar.parasitics.inputs import check_conductance, wire_resistances
from crossbar.parasitics.newton import Operating, operating_point
from crossbar.parasitics.solution import CrossbarSolution
from crossbar.parasitics.tie_lines import tie_lines
from devices import Wires
from devices.arguments import checked
from devices.current_voltage import AbstractCurrentVoltage, Ohmic
from devices.validation import check_integer, check_positive


@checked
def solve_crossbar(
    conductance: Tensor,
    voltages: Tensor | None,
    wires: Wires,
    *,
    iv: AbstractCurrentVoltage | None = None,
    far_voltages: Tensor | None = None,
    bit_line_voltages: Tensor | None = None,
    floating_word_lines: Tensor | None = None,
    floating_bit_lines: Tensor | None = None,
    resistances: Tensor | None = None,
    tolerance: float = 1e-11,
    max_iterations: int = 1000,
) -> CrossbarSolution:
    """Return all voltages and currents of crossbars with wire resistance, for given inputs.

    Conjugate gradients with whole lines solved exactly in each step, for all arrays and inputs at once: about
    `3 + 1.7 sqrt(Lambda)` steps (see `Wires.coupling`) of 30 operations a cell, in float64 whatever the dtype. For
    many inputs to one programming `transfer_matrix` is faster.

    Parameters
    ----------
    conductance
        `(..., rows, cols)` of the cells, at 0 V where `iv` is given [S].
    voltages
        `(..., rows)` or, with any dimensions of inputs after those of the arrays, `(..., *inputs, rows)`: sources at
        the left ends of the word lines [V]. None: the left ends are open.
    wires
        The four wire resistances.
    iv
        Law of the cell current, e.g. `Sinh(v0=0.25)`; None is ohmic.
    far_voltages
        In the shape of `voltages`: sources at the right ends, behind `row + driver` of their own [V]. None: open.
    bit_line_voltages
        `(..., cols)`, broadcast: the sense ends are held at them instead of at 0 V.
    floating_word_lines, floating_bit_lines
        Boolean `(..., rows)`, `(..., cols)`: lines tied to nothing.
    resistances
        `(4,)` row, column, driver, sense [ohm]: overrides `wires` where gradients with respect to them are wanted.
    tolerance, max_iterations
        Relative energy norm of the residual (for `iv` also cell against line currents), and steps to reach it in.

    Returns
    -------
    CrossbarSolution
        In the dtype of `conductance`; differentiable once in all tensors given, by one adjoint solve.

    Raises
    ------
    TypeError, ValueError
        If an argument is negative, not finite or of the wrong shape, or a line has no path to a source or ground.
    RuntimeError
        If the tolerance is not reached.
    """
    check_positive("tolerance", tolerance)
    check_integer("max_iterations", max_iterations, at_least=1)
    check_conductance(conductance)
    law = Ohmic() if iv is None else iv
    values = wire_resistances(wires, resistances, conductance).double()
    cells, terminals, ends, shape = tie_lines(
        conductance, values, voltages, far_voltages, bit_line_voltages, floating_word_lines, floating_bit_lines
    )
    with torch.no_grad():
        point = operating_point(
            cells.detach(), ends, terminals.detach(), law, tolerance=tolerance, max_iterations=max_iterations
        )
    word, bit = differentiable_voltages(
        cells, values, terminals, ends, point, law, tolerance=tolerance, max_iterations=max_iterations
    )
    return _solution(word, bit, law.current(word - bit, cells), shape, conductance, point)


def _solution(
    word: Tensor, bit: Tensor, currents: Tensor, shape: torch.Size, like: Tensor, point: Operating
) -> CrossbarSolution:
    nodes = (*shape, *like.shape[-2:])
    return CrossbarSolution(
        word_line_voltages=word.reshape(nodes).to(like),
        bit_line_voltages=bit.reshape(nodes).to(like),
        cell_currents=currents.reshape(nodes).to(like),
        output_currents=currents.sum(-2).reshape(*shape, -1).to(like),
        iterations=point.iterations,
        newton_steps=point.newton_steps,
        residual=point.residual,
    )
