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


def perfect_driver_coupling(conductance: Tensor, resistances: Tensor) -> tuple[Tensor, Tensor]:
    """Return the conductances between the drivers of arrays with `row = 0` or `column = 0`, and `perfect_lines`.

    Returns
    -------
    tuple
        Conductances `(..., rows, rows)` [S], symmetric with zero diagonal, and transfer matrices `(..., rows, cols)` [S].
    """
    row, column, driver, sense = resistances.unbind()
    if float(row.detach()) == 0:
        grounded, load = _grounded_word_lines(conductance, column, sense)
        between, transfer = -_through(load, driver, load), _through(load, driver, grounded)
    else:  # seen from the other side the perfect bit lines are word lines, and the sense resistance is a driver's
        mirrored, load = _grounded_word_lines(conductance.flip(-2, -1).mT, row, driver)
        transfer = _through(load, sense, mirrored).flip(-2, -1).mT
        between = sense * mirrored.flip(-2, -1).mT @ transfer.mT
    return between - torch.diag_embed(between.diagonal(dim1=-2, dim2=-1)), transfer


def _perfect_word_lines(conductance: Tensor, column: Tensor, driver: Tensor, sense: Tensor) -> Tensor:
    transfer, looking_up, passed = _perfect_sources(conductance, column, sense)
    if float(driver) == 0:
        return transfer
    coupling = _word_line_coupling(conductance, looking_up, passed, column, sense)
    return _through(_load(transfer, coupling), driver, transfer)


def _grounded_word_lines(conductance: Tensor, column: Tensor, sense: Tensor) -> tuple[Tensor, Tensor]:
    """Return the transfer matrix without drivers, and the node matrix `(..., rows, rows)` of the word lines."""
    transfer, looking_up, passed = _perfect_sources(conductance, column, sense)
    return transfer, _load(transfer, _word_line_coupling(conductance, looking_up, passed, column, sense))


def _perfect_sources(conductance: Tensor, column: Tensor, sense: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    cells = conductance.unbind(-2)
    above = [cells[0]]  # conductance from each bit-line node to the sources, by its own cell and all above it
    for cell in cells[1:]:
        above.append(cell + above[-1] / (1 + column * above[-1]))
    looking_up = torch.stack(above, dim=-2)
    passed = 1 / (1 + column * looking_up)  # share of a node's current that a segment below it lets through
    passed = torch.cat([passed[..., :-1, :], 1 / (1 + (column + sense) * looking_up[..., -1:, :])], dim=-2)
    return conductance * passed.flip(-2).cumprod(-2).flip(-2), looking_up, passed


def _load(transfer: Tensor, coupling: Tensor) -> Tensor:
    """Return the node matrix `(..., rows, rows)` of word lines, to ground and between them."""
    return torch.diag_embed(transfer.sum(-1) + coupling.sum(-1)) - coupling


def _through(load: Tensor, resistance: Tensor, right: Tensor) -> Tensor:
    """Return what drivers of `resistance` see of a network: `(1 + resistance load)^-1 right`."""
    identity = torch.eye(load.shape[-1], dtype=load.dtype, device=load.device)
    return solve(identity + resistance * load, right)


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
