"""All voltages and currents of a solved array."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class CrossbarSolution:
    """Node voltages and currents; all tensors are differentiable where the inputs of the solver were."""

    word_line_voltages: Tensor
    """`(..., rows, cols)` at the cell's end of the word line [V]."""
    bit_line_voltages: Tensor
    """`(..., rows, cols)` at the cell's end of the bit line [V]."""
    cell_currents: Tensor
    """`(..., rows, cols)` from word line to bit line [A]."""
    output_currents: Tensor
    """`(..., cols)` into the sense end of each bit line; 0 where it floats [A]."""
    iterations: int
    """Conjugate-gradient steps taken, over all Newton steps."""
    newton_steps: int
    """Linearisations solved; 1 for ohmic cells."""
    residual: float
    """Largest remaining error relative to the drive, in the norm that the tolerance is stated for."""

    @property
    def cell_voltages(self) -> Tensor:
        """`(..., rows, cols)` voltage over each cell [V]."""
        return self.word_line_voltages - self.bit_line_voltages
