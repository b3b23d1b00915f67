"""Newton's method for cells whose current is not proportional to their voltage."""

from dataclasses import dataclass

import torch
from torch import Tensor

from crossbar.parasitics.ends import Ends, Terminals
from crossbar.parasitics.line_cg import LineSolution, LineSystem, factor_lines, solve_lines
from devices.current_voltage import AbstractCurrentVoltage, Ohmic

NEWTON_STEPS = 40
HALVINGS = 30


@dataclass(frozen=True)
class Operating:
    """Operating point of a batch of arrays."""

    word_line: Tensor
    """`(arrays, inputs, rows, cols)` [V]."""
    bit_line: Tensor
    """`(arrays, inputs, rows, cols)` [V]."""
    iterations: int
    newton_steps: int
    residual: float


def operating_point(
    conductance: Tensor,
    ends: Ends,
    terminals: Terminals,
    iv: AbstractCurrentVoltage,
    *,
    tolerance: float,
    max_iterations: int,
) -> Operating:
    """Return where the currents of lines and cells agree.

    Each step adds the reply of the array, with every cell replaced by its tangent, to the currents by which cells and
    lines still disagree. A step after which they disagree more than before is halved until they do not.

    Raises
    ------
    RuntimeError
        If the tolerance is not reached.
    """
    system = factor_lines(conductance, ends)
    start = _solve(system, conductance.new_zeros(terminals.shape), terminals, tolerance, max_iterations)
    word, bit, iterations = start.word_line, start.bit_line, start.iterations
    if isinstance(iv, Ohmic):
        return Operating(word, bit, iterations, 1, start.residual)
    grounded = Terminals(*(torch.zeros_like(held) for held in (terminals.left, terminals.right, terminals.bottom)))
    line_current = conductance * (word - bit)
    missing = iv.current(word - bit, conductance) - line_current
    for step in range(2, NEWTON_STEPS + 2):
        slope = iv.differential_conductance(word - bit, conductance)
        reply = _solve(factor_lines(slope, ends), missing, grounded, tolerance, max_iterations)
        iterations += reply.iterations
        change = missing + slope * (reply.word_line - reply.bit_line)
        before = _largest(missing)
        error = _relative(missing, line_current)
        for halvings in range(HALVINGS):
            share = 0.5**halvings
            tried = word + share * reply.word_line, bit + share * reply.bit_line
            tried_current = line_current + share * change
            missing = iv.current(tried[0] - tried[1], conductance) - tried_current
            if bool((_largest(missing) <= before).all()):
                break
        else:
            break  # not even a tiny step helps: the slope is not the law's
        (word, bit), line_current = tried, tried_current
        error = _relative(missing, line_current)
        if error <= tolerance:
            return Operating(word, bit, iterations, step, error)
    raise RuntimeError(
        f"Newton's method did not reach `tolerance` = {tolerance:g} in {step} steps: cells and lines still "
        f"disagree by {error:.2g} of the largest current. Check that the law's derivative belongs to its current and "
        "never falls below 0, lower the voltages, or raise `tolerance`."
    )


def _solve(
    system: LineSystem, missing: Tensor, terminals: Terminals, tolerance: float, max_iterations: int
) -> LineSolution:
    """Solve with `missing (arrays, inputs, rows, cols)` flowing from each word-line node to its bit-line node."""
    word_drive = system.word_lines.solve(-missing, terminals.left, terminals.right)
    bit_drive = system.bit_lines.solve(missing.mT, None, terminals.bottom).mT
    solution = solve_lines(system, word_drive, bit_drive, tolerance=tolerance, max_iterations=max_iterations)
    if not solution.residual <= tolerance:
        raise RuntimeError(
            f"The line solver reached a residual of {solution.residual:.2g} in {solution.iterations} steps, not "
            f"`tolerance` = {tolerance:g}. Raise `max_iterations` (it needs about 3 + 1.7 sqrt(Lambda), see "
            "Wires.coupling) or `tolerance`, or use transfer_matrix, whose cost does not depend on Lambda."
        )
    return solution


def _largest(values: Tensor) -> Tensor:
    return values.abs().amax((-2, -1), keepdim=True)


def _relative(missing: Tensor, current: Tensor) -> float:
    scale = _largest(current).clamp(min=torch.finfo(current.dtype).tiny)
    return float((_largest(missing) / scale).max())
