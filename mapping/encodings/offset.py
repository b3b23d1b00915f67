"""Offset binary: one array, half of the range added to every code."""

from dataclasses import dataclass
from typing import final

from torch import Tensor

from mapping.encodings.base import AbstractEncoding
from mapping.encodings.planes import Planes, narrowed, slice_magnitude, slice_significance, slice_widths


@final
@dataclass(frozen=True)
class Offset(AbstractEncoding):
    """`codes + 2^magnitude_bits` in one array; the periphery subtracts the offset times the sum of the inputs, or a
    reference column (`MappingConfig.reference_column`).

    Half the cells of a differential pair, but every zero weight carries half of the full current.
    """

    @property
    def has_pairs(self) -> bool:
        """Whether every plane has a partner of opposite significance."""
        return False

    def digital_offset(self, magnitude_bits: int) -> int:
        """Return what is added to a code before it is stored, with the other sign."""
        return -(1 << magnitude_bits)

    def stored_bits(self, magnitude_bits: int) -> int:
        """Return the bits of a code and its offset."""
        return magnitude_bits + 1

    def widths(self, magnitude_bits: int, cell_bits: int) -> tuple[int, ...]:
        """Return the bits of the cells of a code and its offset, least significant first."""
        return slice_widths(magnitude_bits + 1, cell_bits)

    def planes(self, codes: Tensor, magnitude_bits: int, cell_bits: int) -> Planes:
        """Encode signed codes."""
        offset = self.digital_offset(magnitude_bits)
        widths = self.widths(magnitude_bits, cell_bits)
        return Planes(
            levels=slice_magnitude(narrowed(codes, magnitude_bits + 1) - offset, widths),
            significance=slice_significance(widths),
            bits=widths,
            array=(0,) * len(widths),
            digital_offset=offset,
        )


encode_offset = Offset()
"""The encoding under the name that it had in version 0.1."""
