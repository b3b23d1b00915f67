"""All voltages and currents of a solved array."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class CrossbarSolution:
    """Node voltages and currents; all tensors are differentiable where the inputs of the solver were.

    Parameters
    ----------
    word_line_voltages
        `(..., rows, cols)` at the cell's end of the word line [V].
    bit_line_voltages
        `(..., rows, cols)` at the cell's end of the bit line [V].
    cell_currents
        `(..., rows, cols)` from word line to bit line [A].
    output_currents
        `(..., cols)` into the sense end of each bit line; 0 where it floats [A].
    iterations
        Conjugate-gradient steps taken, over all Newton steps.
    newton_steps
        Linearisations solved; 1 for ohmic cells.
    residual
        Largest remaining error relative to the drive, in the norm that the tolerance is stated for.
    """

    word_line_voltages: Tensor
    bit_line_voltages: Tensor
    cell_currents: Tensor
    output_currents: Tensor
    iterations: int
    newton_steps: int
    residual: float

    @property
    def cell_voltages(self) -> Tensor:
        """`(..., rows, cols)` voltage over each cell [V]."""
        return self.word_line_voltages - self.bit_line_voltages
