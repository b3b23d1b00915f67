"""One bit of one weight."""

from dataclasses import dataclass

from devices.validation import check_integer, check_text


@dataclass(frozen=True, kw_only=True, order=True)
class BitFlip:
    """A bit of a weight, named whatever the arrays are; `locate_flips` says which cell holds it.

    Parameters
    ----------
    layer
        Name of the analog layer.
    plane
        Plane of the encoding, the least significant first; partners of pairs count from half of the planes on.
    input
        Input within its group: row of the weight matrix.
    output
        Output: column of the weight matrix.
    bit
        Bit of the cell's level, 0 the least significant.
    """

    layer: str
    plane: int
    input: int
    output: int
    bit: int = 0

    def __post_init__(self) -> None:
        """Refuse names and numbers that cannot be."""
        check_text("layer", self.layer)
        for name in ("plane", "input", "output", "bit"):
            check_integer(name, getattr(self, name), at_least=0)
