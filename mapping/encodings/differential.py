"""Differential pairs: positive and negative magnitudes in cells of their own."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from mapping.encodings.base import AbstractEncoding
from mapping.encodings.planes import Planes, narrowed, slice_magnitude, slice_significance, slice_widths


@final
@dataclass(frozen=True)
class Differential(AbstractEncoding):
    """max(codes, 0) in positive and max(-codes, 0) in negative cells; their currents are subtracted.

    Both cells of a pair rest at g_min for a zero weight, so the window's lower end cancels.
    """

    @property
    def has_pairs(self) -> bool:
        """Whether every plane has a partner of opposite significance."""
        return True

    def digital_offset(self, magnitude_bits: int) -> int:
        """Return no offset."""
        return 0

    def stored_bits(self, magnitude_bits: int) -> int:
        """Return the bits of a magnitude."""
        return magnitude_bits

    def widths(self, magnitude_bits: int, cell_bits: int) -> tuple[int, ...]:
        """Return the bits of the cells of a magnitude, least significant first."""
        return slice_widths(magnitude_bits, cell_bits)

    def planes(self, codes: Tensor, magnitude_bits: int, cell_bits: int) -> Planes:
        """Encode signed codes, positive planes first."""
        codes = narrowed(codes, magnitude_bits)
        widths = self.widths(magnitude_bits, cell_bits)
        significance = slice_significance(widths)
        positive = slice_magnitude(codes.clamp(min=0), widths)
        negative = slice_magnitude((-codes).clamp(min=0), widths)
        return Planes(
            levels=torch.cat([positive, negative]),
            significance=significance + tuple(-weight for weight in significance),
            bits=widths + widths,
            array=(0,) * len(widths) + (1,) * len(widths),
        )


encode_differential = Differential()
"""The encoding under the name that it had in version 0.1."""
