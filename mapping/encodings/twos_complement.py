"""Two's complement: one array, the sign bit in one-bit cells that count negatively."""

import torch
from torch import Tensor

from mapping.encodings.planes import Planes, slice_magnitude, slice_significance, slice_widths


def encode_twos_complement(codes: Tensor, magnitude_bits: int, cell_bits: int) -> Planes:
    """Store the bits of `codes` modulo 2^(magnitude_bits + 1), the sign bit with significance -2^magnitude_bits.

    Parameters and returns as in `mapping.encodings.ENCODINGS`.
    """
    widths = slice_widths(magnitude_bits, cell_bits)
    magnitude = slice_magnitude(codes & (2**magnitude_bits - 1), widths)
    sign = (codes < 0).to(magnitude.dtype)
    return Planes(
        levels=torch.cat([magnitude, sign[None]]),
        significance=(*slice_significance(widths), -(2**magnitude_bits)),
        bits=(*widths, 1),
        array=(0,) * (len(widths) + 1),
    )
