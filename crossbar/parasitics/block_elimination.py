"""The exact transfer matrix by eliminating one word line after the other."""

import torch
from torch import Tensor

from crossbar.parasitics.linear_solve import solve


def block_elimination(conductance: Tensor, resistances: Tensor) -> Tensor:
    """Return the transfer matrix of arrays `(..., rows, cols)`, walking down the bit lines one word line at a time.

    Above every cut through the bit lines the array is a Norton equivalent: an admittance `Y (cols, cols)` and one
    current vector per input driven so far. A word line adds its own admittance `P = (1 + G R)^-1 G`, with `R` the
    resistance matrix of its wire; a bit-line segment turns `(Y, J)` into `(1 + column Y)^-1 (Y, J)`. Nothing is ever
    divided by a resistance, so that any of them may be 0, and every matrix solved with is near identity, so that
    float32 keeps its digits.

    It takes `rows * (16/3 cols^3 + 2 cols^2 rows / 2)` floating-point operations: right for any circuit, and the
    fastest only for the smallest arrays.

    Parameters
    ----------
    conductance
        Cell conductances `(..., rows, cols)` [S].
    resistances
        `(4,)`: row, column, driver, sense [ohm].

    Returns
    -------
    Tensor
        Transfer matrix `(..., rows, cols)` [S].
    """
    row, column, driver, sense = resistances.unbind()
    rows, cols = conductance.shape[-2:]
    place = torch.arange(1, cols + 1, dtype=conductance.dtype, device=conductance.device)
    wire = driver + row * torch.minimum(place[:, None], place)  # (cols, cols), R of one word line
    identity = torch.eye(cols, dtype=conductance.dtype, device=conductance.device)
    admittance = conductance.new_zeros(*conductance.shape[:-2], cols, cols)
    sources = conductance.new_zeros(*conductance.shape[:-2], cols, 0)
    for index in range(rows):
        cells = conductance[..., index, :]
        line = solve(identity + cells[..., :, None] * wire, torch.diag_embed(cells))
        sources = torch.cat([sources, line.sum(-1, keepdim=True)], dim=-1)  # driven by 1 V behind the wire
        segment = column if index < rows - 1 else column + sense
        admittance = admittance + line
        both = torch.cat([admittance, sources], dim=-1)
        both = solve(identity + segment * admittance, both)
        admittance, sources = both[..., :cols], both[..., cols:]
    return sources.mT
