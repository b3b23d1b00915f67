"""What every sign encoding answers."""

from abc import ABC, abstractmethod

from torch import Tensor

from mapping.encodings.planes import Planes


class AbstractEncoding(ABC):
    """How signed codes become non-negative cell levels.

    A new encoding is one file here with a final class, one row of `ENCODINGS` and one row of the encoding table in the
    tests. Whoever needs to know something of an encoding asks it here; no encoding is known by its name elsewhere.
    """

    @property
    @abstractmethod
    def has_pairs(self) -> bool:
        """Whether every plane has a partner of equal cells and opposite significance.

        `planes` then lists the positive planes first and their partners after them, in the same order.
        """

    @abstractmethod
    def digital_offset(self, magnitude_bits: int) -> int:
        """Return the integer that every weight carries beside its cells, 0 for none: minus half of their range."""

    @abstractmethod
    def stored_bits(self, magnitude_bits: int) -> int:
        """Return the bits of the number in the cells that squeezing may shift down; a sign plane is not one of them."""

    @abstractmethod
    def widths(self, magnitude_bits: int, cell_bits: int) -> tuple[int, ...]:
        """Return the bits of the cells of each plane of one array, least significant plane first."""

    @abstractmethod
    def planes(self, codes: Tensor, magnitude_bits: int, cell_bits: int) -> Planes:
        """Encode signed codes.

        Parameters
        ----------
        codes
            Signed integers below `2^magnitude_bits` in magnitude, int32, (inputs, outputs).
        magnitude_bits
            Bits of the largest magnitude.
        cell_bits
            Bits that one cell stores.

        Returns
        -------
        Planes
            `planes.codes()` are the codes again.
        """

    @property
    def arrays(self) -> int:
        """Sets of planes: positive and negative ones where there are pairs."""
        return 2 if self.has_pairs else 1

    @property
    def takes_reference_columns(self) -> bool:
        """Whether there is an offset, so that a column of cells in the middle of the window can subtract it."""
        return self.digital_offset(1) != 0

    def __call__(self, codes: Tensor, magnitude_bits: int, cell_bits: int) -> Planes:
        """Encode signed codes: `planes`, under the form that encodings had in version 0.1."""
        return self.planes(codes, magnitude_bits, cell_bits)
