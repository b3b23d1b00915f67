"""How many ones a plane holds."""

import torch
from torch import Tensor

from devices.arguments import checked
from mapping.encodings import ENCODINGS
from mapping.placement import Placement, tile_chunks
from mapping.quantizers import QuantizedWeight


@checked
def code_bit_density(quantized: QuantizedWeight, encoding: str) -> Tensor:
    """Return the ones that a weight has on average in each bit plane of a dense mapping, float64, (bits,).

    Parameters
    ----------
    quantized
        Codes of a weight matrix.
    encoding
        A key of `mapping.ENCODINGS`.

    Returns
    -------
    Tensor
        Over both cells of a pair together, the most significant plane first.
    """
    planes = ENCODINGS[encoding].planes(quantized.codes, quantized.magnitude_bits, 1)
    bits = max(map(abs, planes.significance)).bit_length()
    ones = torch.zeros(bits, dtype=torch.float64)
    for levels, significance in zip(planes.levels, planes.significance, strict=True):
        ones[bits - abs(significance).bit_length()] += float((levels != 0).sum()) / levels.numel()
    return ones


@checked
def bit_density(placement: Placement, *, bits: int) -> Tensor:
    """Return the ones that a weight has on average in each bit plane of a placement, float64, (bits,).

    Parameters
    ----------
    placement
        Any placement; released arrays hold no ones, and a merged column counts once, in its most significant plane.
    bits
        Bit planes to list: the first weighs `2^(bits - 1)`. Cells of several bits are taken apart.
    """
    ones = torch.zeros(bits, dtype=torch.float64)
    lowest = torch.frexp(placement.column_significance.abs().double()).exponent - 1  # -1: no column, (tiles, cols)
    for tiles in tile_chunks(placement):
        levels = placement.levels[tiles].int().masked_fill(~placement.used[tiles], 0)
        for plane in range(bits):
            place = bits - 1 - plane - lowest[tiles]  # where the cells of a column hold the plane's bit
            held = (lowest[tiles] >= 0) & (place >= 0) & (place < placement.column_bits[tiles])
            if bool(held.any()):
                ones[plane] += float((levels >> place.clamp(min=0)[:, None, :] & held[:, None, :].int()).sum())
    return ones / (placement.inputs_per_group * placement.outputs)
