"""Conjugate gradients on the bit lines, with whole lines solved exactly in every step."""

from dataclasses import dataclass

import torch
from torch import Tensor

from crossbar.parasitics.chain import Chain, factor_chain
from crossbar.parasitics.ends import Ends


@dataclass(frozen=True)
class LineSystem:
    """The two layers of lines of a batch of arrays, each loaded by its cells as if the other layer was grounded."""

    cells: Tensor
    """`(arrays, inputs or 1, rows, cols)` [S]."""
    word_lines: Chain
    bit_lines: Chain
    """On transposed arrays `(arrays, inputs or 1, cols, rows)`; the sense end is the right one."""


@dataclass(frozen=True)
class LineSolution:
    """Node voltages [V] and how they were reached."""

    word_line: Tensor
    bit_line: Tensor
    iterations: int
    residual: float
    """Largest energy norm of the residual over arrays and inputs, relative to that at the start."""


def factor_lines(cells: Tensor, ends: Ends) -> LineSystem:
    """Return the factorised lines around `cells (arrays, inputs or 1, rows, cols)`."""
    word_loads, left, right = _common(cells, ends.left, ends.right)
    bit_loads, bottom = _common(cells.mT, ends.bottom)
    word_lines = factor_chain(left, ends.row, right, word_loads)
    bit_lines = factor_chain(torch.full_like(bottom, torch.inf), ends.column, bottom, bit_loads)
    return LineSystem(cells, word_lines, bit_lines)


def solve_lines(
    system: LineSystem, word_drive: Tensor, bit_drive: Tensor, *, tolerance: float, max_iterations: int
) -> LineSolution:
    """Solve for both layers, given the voltages that each would take if the other was grounded.

    With `Tw`, `Tb` the node matrices of the separate layers, it is the preconditioned conjugate gradient method for
    `(Tb - G Tw^-1 G) b = c` with preconditioner `Tb`. The product `Tb p` is carried along instead of multiplied out,
    so that no resistance is ever divided by. It takes about `3 + 1.7 sqrt(Lambda)` steps of 30 operations a cell.

    Parameters
    ----------
    system
        The lines.
    word_drive, bit_drive
        `(arrays, inputs, rows, cols)`: `Tw^-1 s_w` and `Tb^-1 s_b` for the sources `s` of the two layers [V].
    tolerance
        Energy norm of the residual to reach, relative to that of the drive.
    max_iterations
        Steps after which to give up; the caller looks at the residual.
    """
    cells = system.cells
    word = word_drive.clone()
    bit = bit_drive.clone()
    drive = cells * word_drive
    reply = system.word_lines.solve(cells * bit_drive)
    word += reply
    residual = torch.addcmul(drive, cells, reply)  # of `bit = bit_drive`: c - S b
    image = residual.clone()
    correction = system.bit_lines.solve(residual.mT).mT
    direction = correction.clone()
    energy = _dot(residual, correction)
    start = energy
    iterations = 0
    while iterations < max_iterations and bool((energy > start * tolerance**2).any()):
        reply = system.word_lines.solve(cells * direction)
        product = torch.addcmul(image, cells, reply, value=-1)
        curvature = _dot(direction, product)
        step = energy / torch.where(curvature > 0, curvature, 1)
        # In place: memory fresh from the system costs more than the arithmetic.
        bit.addcmul_(step, direction)
        word.addcmul_(step, reply)
        residual.addcmul_(step, product, value=-1)
        correction = system.bit_lines.solve(residual.mT).mT
        renewed = _dot(residual, correction)
        share = renewed / torch.where(energy > 0, energy, 1)
        direction.mul_(share).add_(correction)
        image.mul_(share).add_(residual)
        energy = renewed
        iterations += 1
    remaining = (energy / torch.where(start > 0, start, 1)).clamp(min=0).max().sqrt()
    return LineSolution(word, bit, iterations, float(remaining))


def _dot(first: Tensor, second: Tensor) -> Tensor:
    return (first * second).sum((-2, -1), keepdim=True)


def _common(loads: Tensor, *ends: Tensor) -> tuple[Tensor, ...]:
    """Return `(arrays, inputs or 1, lines, ...)` tensors expanded to the inputs that any of them distinguishes."""
    inputs = max(part.shape[1] for part in (loads, *ends))
    return tuple(part.expand(loads.shape[0], inputs, loads.shape[2], part.shape[-1]) for part in (loads, *ends))
