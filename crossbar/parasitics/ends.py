"""What the ends of the lines are tied to."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Ends:
    """Wire resistances around the cells of a batch of arrays; an open end is infinitely far away."""

    row: Tensor
    """Resistance between neighbouring cells of a word line [ohm]."""
    column: Tensor
    """Resistance between neighbouring cells of a bit line [ohm]."""
    left: Tensor
    """`(arrays, inputs or 1, rows, 1)` from the left source to the first cell [ohm]."""
    right: Tensor
    """`(arrays, inputs or 1, rows, 1)` from the last cell to the right source [ohm]."""
    bottom: Tensor
    """`(arrays, inputs or 1, cols, 1)` from the last cell to the sense terminal [ohm]."""


@dataclass(frozen=True)
class Terminals:
    """Voltages that the ends of the lines are held at [V]."""

    left: Tensor
    """`(arrays, inputs, rows)`."""
    right: Tensor
    """`(arrays, inputs, rows)`."""
    bottom: Tensor
    """`(arrays, inputs, cols)`."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """`(arrays, inputs, rows, cols)`."""
        arrays, inputs, rows = self.left.shape
        return arrays, inputs, rows, self.bottom.shape[-1]

    def detach(self) -> "Terminals":
        """Return the same voltages without their history."""
        return Terminals(self.left.detach(), self.right.detach(), self.bottom.detach())
