"""The four wire resistances of a crossbar."""

from dataclasses import dataclass

from torch import Tensor

from devices.display import html_table, short_repr
from devices.plausibility import warn_resistance
from devices.validation import check_nonnegative


@dataclass(frozen=True, kw_only=True)
class Wires:
    """Resistances of the metal lines of one array, in ohm.

    Source `V_i` reaches the first cell of word line i through `driver + row`; `row` joins neighbouring cells of a word
    line and `column` those of a bit line; the last cell of a bit line reaches virtual ground through `column + sense`.
    The other end of every line is open. All zero is an ideal array.

    Parameters
    ----------
    row
        Resistance of one word-line segment between neighbouring cells [ohm].
    column
        Resistance of one bit-line segment between neighbouring cells [ohm].
    driver
        Output resistance of a word-line driver, in series with its first segment [ohm].
    sense
        Input resistance of the sense circuit, in series with the last bit-line segment [ohm].
    """

    row: float = 0.0
    column: float = 0.0
    driver: float = 0.0
    sense: float = 0.0

    __repr__ = short_repr
    _repr_html_ = html_table

    def __post_init__(self) -> None:
        """Refuse resistances that cannot be."""
        for name in ("row", "column", "driver", "sense"):
            check_nonnegative(name, getattr(self, name), hint="Use 0 for a perfect conductor.")
        for name in ("row", "column"):
            warn_resistance(name, getattr(self, name), largest=1e3, usual="0.1 to 100 ohm from cell to cell")
        for name in ("driver", "sense"):
            warn_resistance(name, getattr(self, name), largest=1e6, usual="10 ohm to 10 kohm")

    @property
    def ideal(self) -> bool:
        """Whether every resistance is zero, so that the transfer matrix is the conductance matrix."""
        return self.row == self.column == self.driver == self.sense == 0

    def coupling(self, conductance: Tensor) -> Tensor:
        """Return Lambda, how strongly the wires load the cells: near 0 they do not matter, above 1 they rule.

        `Lambda = mean(G) * ((row * cols^2 + column * rows^2) / 2 + driver * cols + sense * rows)`, which is
        `r * mean(G) * n^2` for square arrays with equal segments `r` and nothing else. It is about the relative
        voltage drop to the far corner if every cell drew its full current.

        Parameters
        ----------
        conductance
            `(..., rows, cols)` [S].

        Returns
        -------
        Tensor
            `(...)`, dimensionless.
        """
        rows, cols = conductance.shape[-2:]
        segments = (self.row * cols**2 + self.column * rows**2) / 2
        return conductance.mean((-2, -1)) * (segments + self.driver * cols + self.sense * rows)
