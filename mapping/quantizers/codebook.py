"""Rounding to a list of codes."""

import torch
from torch import Tensor


def nearest_in_codebook(units: Tensor, codebook: tuple[int, ...]) -> Tensor:
    """Round to the nearest code of either sign, and half way between two codes to the smaller one.

    Parameters
    ----------
    units
        Weights in code units, floating point, any shape `(...)`.
    codebook
        Positive codes, ascending; zero always is a code too.

    Returns
    -------
    Tensor
        Signed codes as floating point, `(...)`.
    """
    codes = torch.tensor((0, *codebook), dtype=units.dtype, device=units.device)
    boundaries = (codes[1:] + codes[:-1]) / 2
    return codes[torch.bucketize(units.abs().contiguous(), boundaries)] * torch.sign(units)
