"""Two's complement: one array, the sign bit in one-bit cells that count negatively."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from mapping.encodings.base import AbstractEncoding
from mapping.encodings.planes import Planes, narrowed, slice_magnitude, slice_significance, slice_widths


@final
@dataclass(frozen=True)
class TwosComplement(AbstractEncoding):
    """The bits of `codes` modulo 2^(magnitude_bits + 1), the sign bit with significance -2^magnitude_bits."""

    @property
    def has_pairs(self) -> bool:
        """Whether every plane has a partner of opposite significance."""
        return False

    def digital_offset(self, magnitude_bits: int) -> int:
        """Return no offset."""
        return 0

    def stored_bits(self, magnitude_bits: int) -> int:
        """Return the bits below the sign."""
        return magnitude_bits

    def widths(self, magnitude_bits: int, cell_bits: int) -> tuple[int, ...]:
        """Return the bits of the cells below the sign, least significant first, and the one of the sign."""
        return (*slice_widths(magnitude_bits, cell_bits), 1)

    def planes(self, codes: Tensor, magnitude_bits: int, cell_bits: int) -> Planes:
        """Encode signed codes, the sign plane last."""
        codes = narrowed(codes, magnitude_bits)
        widths = self.widths(magnitude_bits, cell_bits)
        magnitude = slice_magnitude(codes & (2**magnitude_bits - 1), widths[:-1])
        sign = (codes < 0).to(magnitude.dtype)
        return Planes(
            levels=torch.cat([magnitude, sign[None]]),
            significance=(*slice_significance(widths[:-1]), -(2**magnitude_bits)),
            bits=widths,
            array=(0,) * len(widths),
        )


encode_twos_complement = TwosComplement()
"""The encoding under the name that it had in version 0.1."""
