"""Differential pairs: positive and negative magnitudes in arrays of their own."""

import torch
from torch import Tensor

from mapping.encodings.planes import Planes, slice_magnitude, slice_significance, slice_widths


def encode_differential(codes: Tensor, magnitude_bits: int, cell_bits: int) -> Planes:
    """Store max(codes, 0) in a positive and max(-codes, 0) in a negative array; their currents are subtracted.

    Both cells of a pair rest at g_min for a zero weight, so the window's lower end cancels. Parameters and returns as
    in `mapping.encodings.ENCODINGS`.
    """
    widths = slice_widths(magnitude_bits, cell_bits)
    significance = slice_significance(widths)
    positive = slice_magnitude(codes.clamp(min=0), widths)
    negative = slice_magnitude((-codes).clamp(min=0), widths)
    return Planes(
        levels=torch.cat([positive, negative]),
        significance=significance + tuple(-weight for weight in significance),
        bits=widths + widths,
        array=(0,) * len(widths) + (1,) * len(widths),
    )
