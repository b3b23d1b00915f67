"""Bit planes: the cell levels of a matrix before it is cut into tiles."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Planes:
    """Cell levels of a signed integer matrix, plane by plane.

    `codes == sum_p significance[p] * levels[p] + digital_offset`, exactly.

    Parameters
    ----------
    levels
        Cell levels, uint8 or int32, (planes, inputs, outputs).
    significance
        Signed integer weight of each plane.
    bits
        Bits that a cell of each plane holds; its levels are 0 .. 2^bits - 1 over the whole conductance window.
    array
        Which physical array each plane belongs to (0: positive or only array, 1: negative array).
    digital_offset
        Integer that every weight carries beside its cells; the periphery adds it times the sum of the inputs.
    """

    levels: Tensor
    significance: tuple[int, ...]
    bits: tuple[int, ...]
    array: tuple[int, ...]
    digital_offset: int = 0

    def codes(self) -> Tensor:
        """Return the signed codes that the planes stand for, int64, (inputs, outputs)."""
        significance = torch.tensor(self.significance, dtype=torch.int64, device=self.levels.device)
        return (self.levels.to(torch.int64) * significance[:, None, None]).sum(0) + self.digital_offset


def slice_widths(bits: int, cell_bits: int) -> tuple[int, ...]:
    """Return how many bits each cell of a `bits`-bit magnitude holds, least significant cell first.

    The most significant cell holds what is left over; it still spreads its fewer levels over the whole conductance
    window, so no part of the window is wasted (7 magnitude bits in 4-bit cells: 4 and 3 bits, 16 and 8 levels).
    """
    full, rest = divmod(bits, cell_bits)
    return (cell_bits,) * full + ((rest,) if rest else ())


def narrowed(codes: Tensor, bits: int) -> Tensor:
    """Return signed codes below `2^bits` in magnitude in the smallest integers that hold them, row by row in memory."""
    return codes.to(torch.int8 if bits <= 7 else torch.int16 if bits <= 15 else torch.int32).contiguous()


def slice_magnitude(magnitude: Tensor, widths: tuple[int, ...]) -> Tensor:
    """Cut non-negative integers into cells of the given widths, least significant first.

    Parameters
    ----------
    magnitude
        Non-negative signed integers of any width, any shape `(...)`.
    widths
        Bits per cell, as from `slice_widths`.

    Returns
    -------
    Tensor
        Levels, `(len(widths), ...)`, uint8 where the widest cell allows it.
    """
    dtype = torch.uint8 if max(widths) <= 8 else torch.int32
    levels, shift = magnitude.new_empty((len(widths), *magnitude.shape), dtype=dtype), 0
    for plane, width in zip(levels, widths, strict=True):
        plane.copy_(magnitude >> shift & (2**width - 1))
        shift += width
    return levels


def slice_significance(widths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the power of two that each cell of `slice_widths` weighs."""
    return tuple(2 ** sum(widths[:index]) for index in range(len(widths)))
