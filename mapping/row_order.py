"""Which inputs share an array."""

import torch
from torch import Tensor


def sorted_rows(codes: Tensor) -> Tensor:
    """Return the inputs in descending order of their largest |code|, int64, (inputs,).

    Inputs with large weights then fill the first arrays and leave the most significant planes of the others empty,
    without any shift; inputs with no weight at all come last, and their arrays are empty altogether (compare sorted
    weight sectioning, arXiv 2410.11298). Inputs with equal maxima keep their order.

    Parameters
    ----------
    codes
        Signed integer codes, (inputs, outputs).
    """
    return torch.argsort(codes.abs().amax(1), descending=True, stable=True)
