"""The four wire resistances of a crossbar."""

from dataclasses import dataclass

from devices.validation import check_nonnegative


@dataclass(frozen=True, kw_only=True)
class Wires:
    """Resistances of the metal lines of one array, in ohm.

    Source `V_i` reaches the first cell of word line i through `driver + row`; `row` joins neighbouring cells of a word
    line and `column` those of a bit line; the last cell of a bit line reaches virtual ground through `column + sense`.
    The other end of every line is open. All zero is an ideal array.
    """

    row: float = 0.0
    """Resistance of one word-line segment between neighbouring cells [ohm]."""
    column: float = 0.0
    """Resistance of one bit-line segment between neighbouring cells [ohm]."""
    driver: float = 0.0
    """Output resistance of a word-line driver, in series with its first segment [ohm]."""
    sense: float = 0.0
    """Input resistance of the sense circuit, in series with the last bit-line segment [ohm]."""

    def __post_init__(self) -> None:
        """Refuse resistances that cannot be."""
        for name in ("row", "column", "driver", "sense"):
            check_nonnegative(name, getattr(self, name), hint="Use 0 for a perfect conductor.")

    @property
    def ideal(self) -> bool:
        """Whether every resistance is zero, so that the transfer matrix is the conductance matrix."""
        return self.row == self.column == self.driver == self.sense == 0
