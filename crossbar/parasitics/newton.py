"""Newton's method for cells whose current is not proportional to their voltage."""

from dataclasses import dataclass

import torch
from torch import Tensor

from crossbar.parasitics.ends import Ends, Terminals
from crossbar.parasitics.line_cg import LineSystem, factor_lines, solve_lines
from devices.current_voltage import AbstractCurrentVoltage, Ohmic

NEWTON_STEPS = 60
HALVINGS = 30


@dataclass(frozen=True)
class Operating:
    """Operating point of a batch of arrays."""

    word_line: Tensor
    """`(arrays, inputs, rows, cols)` [V]."""
    bit_line: Tensor
    """`(arrays, inputs, rows, cols)` [V]."""
    system: LineSystem
    """The lines with the cells linearised there."""
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

    Each step solves the array with every cell replaced by its tangent. A step after which lines and cells disagree
    more than before is halved until they do not.

    Raises
    ------
    RuntimeError
        If the tolerance is not reached.
    """
    system = factor_lines(conductance, ends)
    none = torch.zeros_like(conductance)
    word, bit, iterations = _solve(system, terminals, none, tolerance, max_iterations)
    if isinstance(iv, Ohmic):
        return Operating(word, bit, system, iterations[0], 1, iterations[1])
    total, line_current = iterations[0], conductance * (word - bit)
    mismatch = iv.current(word - bit, conductance) - line_current
    for step in range(2, NEWTON_STEPS + 2):
        voltage = word - bit
        slope = iv.differential_conductance(voltage, conductance)
        offset = iv.current(voltage, conductance) - slope * voltage
        system = factor_lines(slope, ends)
        new_word, new_bit, (count, _) = _solve(system, terminals, offset, tolerance, max_iterations)
        total += count
        new_current = slope * (new_word - new_bit) + offset
        share = 1.0
        for _ in range(HALVINGS):
            tried = voltage + share * (new_word - new_bit - voltage)
            current = line_current + share * (new_current - line_current)
            missing = iv.current(tried, conductance) - current
            if bool((_largest(missing) <= _largest(mismatch)).all()) or share < 2.0**-HALVINGS:
                break
            share /= 2
        word = word + share * (new_word - word)
        bit = bit + share * (new_bit - bit)
        line_current, mismatch = current, missing
        error = float((_largest(mismatch) / _largest(line_current).clamp(min=torch.finfo(word.dtype).tiny)).max())
        if error <= max(tolerance, 1e-13):
            return Operating(word, bit, system, total, step, error)
    raise RuntimeError(
        f"Newton's method did not reach `tolerance` = {tolerance:g} in {NEWTON_STEPS} steps: cells and lines still "
        f"disagree by {error:.2g} of the largest current. Check that the law's derivative belongs to its current and "
        "never falls below 0, lower the voltages, or raise `tolerance`."
    )


def _solve(
    system: LineSystem, terminals: Terminals, offset: Tensor, tolerance: float, max_iterations: int
) -> tuple[Tensor, Tensor, tuple[int, float]]:
    shape = torch.broadcast_shapes(offset.shape, terminals.shape)
    offset = offset.expand(shape).contiguous()
    word_drive = system.word_lines.solve(-offset, terminals.left, terminals.right)
    bit_drive = system.bit_lines.solve(offset.mT.contiguous(), None, terminals.bottom).mT
    solution = solve_lines(system, word_drive, bit_drive, tolerance=tolerance, max_iterations=max_iterations)
    if not solution.residual <= tolerance:
        raise RuntimeError(
            f"The line solver reached a residual of {solution.residual:.2g} in {solution.iterations} steps, not "
            f"`tolerance` = {tolerance:g}. Raise `max_iterations` (it needs about 3 + 1.7 sqrt(Lambda), see "
            "Wires.coupling) or `tolerance`, or use transfer_matrix, whose cost does not depend on Lambda."
        )
    return solution.word_line, solution.bit_line, (solution.iterations, solution.residual)


def _largest(values: Tensor) -> Tensor:
    return values.abs().amax((-2, -1), keepdim=True)
