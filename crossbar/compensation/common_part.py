"""The part of transfer matrices that only the periphery can subtract."""

import torch
from torch import Tensor

from crossbar.compensation.arrays import Arrays


def common_part(arrays: Arrays, attenuation: Tensor, low: float) -> Tensor | None:
    """Return the smallest product of a number per word and per bit line that idle cells do not fall below [S].

    Where a cell has no partner of the other sign, what it conducts at the lower end of the window is part of every
    output. The periphery can subtract it where it is a product `u_i v_j`: one sum `u @ x` per array and one
    multiplication per bit line. Where reference columns do that, every `v_j` is 1.

    Parameters
    ----------
    arrays
        The arrays.
    attenuation
        `T / G` of their cells, (tiles, rows, cols).
    low
        Lowest conductance of a cell [S].

    Returns
    -------
    Tensor
        (tiles, rows, cols); 0 where cells have partners, None where all have.
    """
    if low == 0 or arrays.alone is None:
        return None
    seen = attenuation * arrays.alone
    columns = (seen > 0).any(1, keepdim=True).to(seen.dtype)
    if not arrays.placement.references:
        columns = columns * seen.sum(1, keepdim=True) / (seen > 0).sum(1, keepdim=True).clamp(min=1)
    rows = torch.where(columns > 0, seen / torch.where(columns > 0, columns, 1), 0).amax(2, keepdim=True)
    return low * rows * columns
