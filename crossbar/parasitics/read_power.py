"""What an array dissipates for a whole set of inputs, from their second moments, and where."""

from dataclasses import dataclass

import torch
from torch import Tensor

from crossbar.parasitics.input_admittance import input_admittance
from crossbar.parasitics.inputs import check_conductance, wire_resistances
from devices import Wires
from devices.arguments import checked


@dataclass(frozen=True, kw_only=True)
class ReadPower:
    """Power of the reads of each array, summed over inputs, and its parts; `(...)` each [W, or S x pulse units^2].

    Parameters
    ----------
    total
        All that the drivers deliver.
    cells
        Dissipated in the cells.
    word_lines
        In the segments of the word lines.
    bit_lines
        In the segments of the bit lines.
    driver
        In the driver resistances.
    sense
        In the sense resistances.
    """

    total: Tensor
    cells: Tensor
    word_lines: Tensor
    bit_lines: Tensor
    driver: Tensor
    sense: Tensor


@checked
def read_power(conductance: Tensor, moments: Tensor, wires: Wires) -> Tensor:
    """Return the power of reading arrays, summed over inputs: `(Y * M).sum()` of each, exact for the wires.

    Parameters
    ----------
    conductance
        `(..., rows, cols)` [S].
    moments
        Second moments of the drive, `sum over inputs of v v^T`, `(..., rows, rows)` [V^2, or any unit squared].
    wires
        The four wire resistances.

    Returns
    -------
    Tensor
        `(...)`, in siemens times the unit of the moments.

    Raises
    ------
    ValueError
        If the moments do not fit the arrays.
    """
    _check_moments(conductance, moments)
    if wires.ideal:
        diagonal = moments.diagonal(dim1=-2, dim2=-1)
        return (conductance.sum(-1).to(diagonal) * diagonal).sum(-1)
    admittance = input_admittance(conductance, wires).to(moments)
    return (admittance * moments).sum((-2, -1))


@checked
def split_read_power(conductance: Tensor, moments: Tensor, wires: Wires) -> ReadPower:
    """Return where the power of reading arrays goes, exactly, by one adjoint pass through the reduction.

    A linear network's power `P` changes with a conductance by the square of the voltage over it. So the cells take
    `sum G dP/dG` and each kind of wire `-R dP/dR`.

    Parameters
    ----------
    conductance, moments, wires
        As in `read_power`.
    """
    _check_moments(conductance, moments)
    rows, cols = conductance.shape[-2:]
    arrays, each = conductance.detach().reshape(-1, rows, cols), moments.detach().reshape(-1, rows, rows)
    parts = [_split_one(cells, moment, wires) for cells, moment in zip(arrays, each, strict=True)]
    stacked = torch.stack(parts) if parts else each.new_zeros(0, 6)
    total, cells, word_lines, bit_lines, driver, sense = stacked.view(*conductance.shape[:-2], 6).unbind(-1)
    return ReadPower(total=total, cells=cells, word_lines=word_lines, bit_lines=bit_lines, driver=driver, sense=sense)


def _split_one(conductance: Tensor, moments: Tensor, wires: Wires) -> Tensor:
    """Return total, cells, word lines, bit lines, driver, sense of one array, (6,)."""
    with torch.enable_grad():
        cells = conductance.clone().requires_grad_()
        values = wire_resistances(wires, None, cells)
        resistive = values > 0
        given = values.clone().requires_grad_()
        # A perfect conductor takes nothing, and keeps the way through the reduction that is made for it.
        used = torch.where(resistive, given, 0)
        total = (input_admittance(cells, wires, resistances=used).to(moments) * moments).sum()
        by_cell, by_wire = torch.autograd.grad(total, (cells, given), allow_unused=True)
    in_cells = (cells.detach() * by_cell).sum().to(moments)
    in_wires = torch.zeros_like(values) if by_wire is None else -values * by_wire
    row, column, driver, sense = in_wires.to(moments).unbind()
    return torch.stack([total.detach(), in_cells, row, column, driver, sense])


def _check_moments(conductance: Tensor, moments: Tensor) -> None:
    check_conductance(conductance)
    wanted = (*conductance.shape[:-1], conductance.shape[-2])
    if tuple(moments.shape) != wanted:
        raise ValueError(f"`moments` must have shape (..., rows, rows), {wanted}. Got {tuple(moments.shape)}.")
