"""The size of a placement and the work of one read."""

from collections.abc import Callable
from dataclasses import dataclass

from mapping.placement import Placement

Cycles = Callable[[int], int]
"""Input cycles of a read whose largest row shift is the argument, as `InputConfig.cycles`."""


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """What the arrays of one weight matrix take, and what reading them with one input vector takes."""

    crossbars: int
    """Arrays."""
    cells: int
    """Cells that hold a bit of a weight or a reference, zeros included."""
    array_cells: int
    """Cells of one array."""
    adc_conversions: int
    """Conversions per input vector: every used bit line in every cycle of its array."""
    input_cycles: int
    """Cycles per input vector, that is, of the array with the most."""

    @property
    def utilization(self) -> float:
        """Share of the cells of the arrays that hold a bit of a weight or a reference."""
        return self.cells / (self.crossbars * self.array_cells) if self.crossbars else 0.0


def footprint(placement: Placement, cycles: Cycles) -> Footprint:
    """Return what a placement takes.

    An array with shifted rows reads for as many cycles as its largest shift asks for; the others stop earlier.
    """
    columns = (placement.column_index >= 0).sum(1).tolist()
    shifts = placement.row_shift.amax(1).tolist() if placement.tiles else []
    own_cycles = [cycles(shift) for shift in shifts]
    rows, cols = placement.array_shape
    return Footprint(
        crossbars=placement.tiles,
        cells=int(placement.used.sum()),
        array_cells=rows * cols,
        adc_conversions=sum(width * count for width, count in zip(columns, own_cycles, strict=True)),
        input_cycles=max(own_cycles, default=0),
    )
