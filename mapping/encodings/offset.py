"""Offset binary: one array, half of the range added to every code."""

from torch import Tensor

from mapping.encodings.planes import Planes, slice_magnitude, slice_significance, slice_widths


def encode_offset(codes: Tensor, magnitude_bits: int, cell_bits: int) -> Planes:
    """Store `codes + 2^magnitude_bits` in one array; the periphery subtracts the offset times the sum of the inputs, or
    a reference column (`MappingConfig.reference_column`).

    Half the cells of a differential pair, but every zero weight carries half of the full current. Parameters and
    returns as in `mapping.encodings.ENCODINGS`.
    """
    offset = 2**magnitude_bits
    widths = slice_widths(magnitude_bits + 1, cell_bits)
    return Planes(
        levels=slice_magnitude(codes + offset, widths),
        significance=slice_significance(widths),
        bits=widths,
        array=(0,) * len(widths),
        digital_offset=-offset,
    )
