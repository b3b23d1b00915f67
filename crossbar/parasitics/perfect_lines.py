"""The exact transfer matrix where the word lines, the bit lines or both are perfect conductors."""

import torch
from torch import Tensor

from crossbar.parasitics.linear_solve import solve


def perfect_lines(conductance: Tensor, resistances: Tensor) -> Tensor:
    """Return the transfer matrix of arrays `(..., rows, cols)` with `row = 0` or `column = 0`.

    A perfect line is one node. Without driver resistance (or, for perfect bit lines, without sense resistance) the
    other lines do not notice each other and a recurrence along each is the whole answer: about `10 rows cols`
    operations. Otherwise these nodes are solved for, with `rows^2 cols + rows^3` operations (`cols` and `rows`
    exchanged for perfect bit lines).

    Parameters
    ----------
    conductance
        Cell conductances `(..., rows, cols)` [S].
    resistances
        `(4,)`: row, column, driver, sense [ohm], the first or the second 0.

    Returns
    -------
    Tensor
        Transfer matrix `(..., rows, cols)` [S].
    """
    row, column, driver, sense = resistances.unbind()
    if float(row) == 0:
        return _perfect_word_lines(conductance, column, driver, sense)
    mirrored = _perfect_word_lines(conductance.flip(-2, -1).mT, row, sense, driver)  # reciprocity
    return mirrored.flip(-2, -1).mT


def _perfect_word_lines(conductance: Tensor, column: Tensor, driver: Tensor, sense: Tensor) -> Tensor:
    cells = conductance.unbind(-2)
    above = [cells[0]]  # conductance from each bit-line node to the sources, by its own cell and all above it
    for cell in cells[1:]:
        above.append(cell + above[-1] / (1 + column * above[-1]))
    looking_up = torch.stack(above, dim=-2)
    passed = 1 / (1 + column * looking_up)  # share of a node's current that a segment below it lets through
    passed = torch.cat([passed[..., :-1, :], 1 / (1 + (column + sense) * looking_up[..., -1:, :])], dim=-2)
    transfer = conductance * passed.flip(-2).cumprod(-2).flip(-2)
    if float(driver) == 0:
        return transfer
    coupling = _word_line_coupling(conductance, looking_up, passed, column, sense)
    load = torch.diag_embed(transfer.sum(-1) + coupling.sum(-1)) - coupling
    identity = torch.eye(load.shape[-1], dtype=load.dtype, device=load.device)
    return solve(identity + driver * load, transfer)


def _word_line_coupling(
    conductance: Tensor, looking_up: Tensor, passed: Tensor, column: Tensor, sense: Tensor
) -> Tensor:
    """Return the conductance `(..., rows, rows)` between each pair of word lines, through all bit lines."""
    rows = conductance.shape[-2]
    cells = conductance.unbind(-2)
    to_ground = [(column + sense).expand_as(cells[-1])]  # resistance from each bit-line node down to ground
    for cell in cells[:0:-1]:
        to_ground.append(column + to_ground[-1] / (1 + cell * to_ground[-1]))
    below = torch.stack(to_ground[::-1], dim=-2)
    node_resistance = below / (1 + below * looking_up)
    upper = [conductance.new_zeros(*conductance.shape[:-2], rows)]
    reach = cells[0].unsqueeze(-2)  # (..., rows so far, cols)
    for index in range(1, rows):
        reach = reach * passed[..., index - 1 : index, :]
        here = (node_resistance[..., index, :] * cells[index]).unsqueeze(-1)
        upper.append(torch.nn.functional.pad((reach @ here).squeeze(-1), (0, rows - index)))
        reach = torch.cat([reach, cells[index].unsqueeze(-2)], dim=-2)
    half = torch.stack(upper, dim=-1)
    return half + half.mT
