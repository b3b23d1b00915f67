"""The public verb: all node voltages and currents for given inputs."""

import math

import torch
from torch import Tensor

from crossbar.parasitics.adjoint import differentiable_voltages
from crossbar.parasitics.ends import Ends, Terminals
from crossbar.parasitics.inputs import check_conductance, check_grounded, check_values, wire_resistances
from crossbar.parasitics.newton import operating_point
from crossbar.parasitics.solution import CrossbarSolution
from devices import Wires
from devices.current_voltage import AbstractCurrentVoltage, Ohmic
from devices.validation import check_integer, check_positive


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

    Conjugate gradients with whole lines solved exactly in each step, for all arrays and inputs at once; nothing is
    assembled. It takes about `3 + 1.7 sqrt(Lambda)` steps (see `Wires.coupling`) of 30 operations a cell. For many
    inputs to one programming `transfer_matrix` is faster. Computed in float64 whatever the dtype, since a cell's
    voltage is a small difference, and returned in the dtype of `conductance`.

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
        `(..., cols)`, anything that broadcasts: the sense ends are held at them instead of at 0 V.
    floating_word_lines, floating_bit_lines
        Boolean `(..., rows)`, `(..., cols)`, anything that broadcasts: lines tied to nothing.
    resistances
        `(4,)` row, column, driver, sense [ohm]: overrides `wires` where gradients with respect to them are wanted.
    tolerance
        Energy norm of the residual, relative to the drive's, and for non-linear cells the largest disagreement
        between cell and line currents, relative to the largest current.
    max_iterations
        Conjugate-gradient steps per linear solve before it gives up.

    Returns
    -------
    CrossbarSolution
        Differentiable once in conductance, voltages and resistances, by one adjoint solve.

    Raises
    ------
    TypeError, ValueError
        If an argument is negative, not finite or of the wrong shape, or a line has no path to a source or to ground.
    RuntimeError
        If the tolerance is not reached.
    """
    check_conductance(conductance)
    check_positive("tolerance", tolerance)
    check_integer("max_iterations", max_iterations, at_least=1)
    values = wire_resistances(wires, resistances, conductance).double()
    *batch, rows, cols = conductance.shape
    near, far = _drive(voltages, "voltages", batch, rows), _drive(far_voltages, "far_voltages", batch, rows)
    shape = _common_shape(near, far, batch)
    cells = conductance.double().reshape(-1, 1, rows, cols)
    size = (cells.shape[0], math.prod(shape[len(batch) :]))
    left, right = (
        _terminals(near, "voltages", shape, rows, size, cells),
        _terminals(far, "far_voltages", shape, rows, size, cells),
    )
    bottom = _terminals(bit_line_voltages, "bit_line_voltages", shape, cols, size, cells)
    word_floats = _mask(floating_word_lines, "floating_word_lines", shape, rows, size)
    bit_floats = _mask(floating_bit_lines, "floating_bit_lines", shape, cols, size)
    if near is None and far is None:
        word_floats = torch.ones(1, 1, rows, dtype=torch.bool, device=cells.device)
    check_grounded(cells.detach(), word_floats, bit_floats)
    ends = _ends(values.detach(), near is not None, far is not None, word_floats, bit_floats, cells)
    terminals = Terminals(left, right, bottom)
    law = Ohmic() if iv is None else iv
    with torch.no_grad():
        held = Terminals(left.detach(), right.detach(), bottom.detach())
        point = operating_point(cells.detach(), ends, held, law, tolerance=tolerance, max_iterations=max_iterations)
    word, bit = differentiable_voltages(
        cells, values, terminals, ends, point, law, tolerance=tolerance, max_iterations=max_iterations
    )
    currents = law.current(word - bit, cells)
    nodes = (*shape, rows, cols)
    return CrossbarSolution(
        word_line_voltages=word.reshape(nodes).to(conductance.dtype),
        bit_line_voltages=bit.reshape(nodes).to(conductance.dtype),
        cell_currents=currents.reshape(nodes).to(conductance.dtype),
        output_currents=currents.sum(-2).reshape(*shape, cols).to(conductance.dtype),
        iterations=point.iterations,
        newton_steps=point.newton_steps,
        residual=point.residual,
    )


def _drive(values: Tensor | None, name: str, batch: list[int], rows: int) -> Tensor | None:
    if values is None:
        return None
    if not isinstance(values, Tensor) or not values.is_floating_point():
        raise TypeError(f"`{name}` must be a floating-point torch.Tensor. Got {values!r:.80}.")
    if values.dim() <= len(batch) or values.shape[-1] != rows or list(values.shape[: len(batch)]) != batch:
        wanted = ", ".join(map(str, [*batch, "...", rows]))
        raise ValueError(
            f"`{name}` must have shape ({wanted}): the arrays' own dimensions, any of inputs, rows. "
            f"Got {tuple(values.shape)}."
        )
    check_values(name, values, nonnegative=False)
    return values


def _common_shape(near: Tensor | None, far: Tensor | None, batch: list[int]) -> torch.Size:
    """Return the dimensions of arrays and inputs."""
    if near is not None and far is not None and near.shape != far.shape:
        raise ValueError(
            f"`far_voltages` must have the shape of `voltages`, {tuple(near.shape)}. Got {tuple(far.shape)}."
        )
    drive = far if near is None else near
    return torch.Size(batch) if drive is None else drive.shape[:-1]


def _terminals(
    values: Tensor | None, name: str, shape: torch.Size, lines: int, size: tuple[int, int], like: Tensor
) -> Tensor:
    if values is None:
        return like.new_zeros(*size, lines)
    check_values(name, values, nonnegative=False)
    return _broadcast(values, name, shape, lines).to(like).reshape(*size, lines)


def _mask(values: Tensor | None, name: str, shape: torch.Size, lines: int, size: tuple[int, int]) -> Tensor | None:
    if values is None:
        return None
    if not isinstance(values, Tensor) or values.dtype != torch.bool:
        raise TypeError(f"`{name}` must be a boolean torch.Tensor. Got {values!r:.80}.")
    return _broadcast(values, name, shape, lines).reshape(*size, lines)


def _broadcast(values: Tensor, name: str, shape: torch.Size, lines: int) -> Tensor:
    try:
        return values.expand(*shape, lines)
    except RuntimeError:
        raise ValueError(f"`{name}` must broadcast to {(*shape, lines)}. Got {tuple(values.shape)}.") from None


def _ends(
    values: Tensor, near: bool, far: bool, word_floats: Tensor | None, bit_floats: Tensor | None, cells: Tensor
) -> Ends:
    row, column, driver, sense = values.unbind()
    if near and far and float(row + driver) == 0:
        raise ValueError("`far_voltages` needs `row` or `driver` > 0: a perfect line has one voltage, not two sources.")
    infinite = torch.full_like(row, torch.inf)
    rows, cols = cells.shape[-2:]
    left = (row + driver if near else infinite).expand(1, 1, rows)
    right = (row + driver if far else infinite).expand(1, 1, rows)
    bottom = (column + sense).expand(1, 1, cols)
    if word_floats is not None:
        left, right = (torch.where(word_floats, infinite, end) for end in (left, right))
    if bit_floats is not None:
        bottom = torch.where(bit_floats, infinite, bottom)
    return Ends(row, column, left.unsqueeze(-1), right.unsqueeze(-1), bottom.unsqueeze(-1))
