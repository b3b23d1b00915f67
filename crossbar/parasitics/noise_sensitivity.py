"""How far the noise of a cell moves its output through the wires: exact derivatives of the circuit, by adjoint passes."""

import torch
from torch import Tensor

from crossbar.parasitics.kron_reduction import CELLS_AT_ONCE
from crossbar.parasitics.transfer_matrix import transfer_matrix
from devices import Wires

PROBES = 2
"""Adjoint passes for each of the two derivatives; what they miss falls as their root."""
_HARDLY = 1e-6
"""Share of the largest current of an array below which that of a bit line raises no voltage."""


def noise_response(conductance: Tensor, wires: Wires, *, at_once: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Return what noise of each cell sends to its output by its own drive, what the line's current takes, what is left.

    For inputs `x` that give a bit line the current `I`, a change of a cell's conductance changes its output by
    `own * x - taken * I` (`taken` [1/S]): exact for a row that is driven alone and for all of them together, and else
    within 1 % where the driven rows lie all over the array. What it adds to its own output the cell takes in part from
    the others, over its word line: `left` of it remains in the sum of all outputs.

    `own` is `dT_kj / dG_kj`: the voltage over the cell times the adjoint drop (what it has when the output is driven and
    the inputs are grounded), so it exists for cells that conduct nothing. It and `sum_i dT_ij / dG_kj`, all rows driven,
    are diagonals of the Jacobian of `transfer_matrix`, taken out by `PROBES` adjoint passes each with random signs of
    outputs (and inputs): what other lines add has random sign, 1 to 5 % of a cell's derivative up to `Wires.coupling` 2,
    and mostly averages out over the cells of a line. Cost: about six times that of the transfer matrix.

    Parameters
    ----------
    conductance
        `(..., rows, cols)` [S].
    wires
        Wire resistances.
    at_once
        Rows that are driven together, in units from the last row on, the others grounded; None: all. Every unit takes an
        adjoint pass more.
    """
    rows = conductance.shape[-2]
    at_once = rows if at_once is None else at_once
    own, common, left, transfer = _sensitivities(conductance, wires, at_once)
    total = torch.empty_like(transfer)
    for unit in _units(rows, at_once):
        total[..., unit, :] = transfer[..., unit, :].sum(-2, keepdim=True)
    # A line with hardly any current raises no voltage; its share of one may overflow.
    carries = total > _HARDLY * total.amax((-2, -1), keepdim=True) if total.numel() else total > 0
    taken = (own - common).masked_fill(~carries, 0) / torch.where(carries, total, 1)
    return own, taken, left


def noise_share(own: Tensor, taken: Tensor, transfer: Tensor, *, evenness: float) -> Tensor:
    """Return the mean square of what noise of each cell sends to its output, per volt^2 of mean square input.

    Of independent inputs `x_k` of mean m and mean square s, with which the bit line carries `I = sum_k T_kj x_k`:
    `own^2 s - 2 own taken E[x_k I] + taken^2 E[I^2]`.

    Parameters
    ----------
    own, taken
        `noise_response`, `(..., rows, cols)`.
    transfer
        Transfer matrices [S], of the rows that are driven together.
    evenness
        `m^2 / s`: 1 for inputs that are all the same, 1/2 for random bits, 0 for inputs of either sign.
    """
    total = transfer.sum(-2, keepdim=True)
    # By what each row adds to the current of its line: squares of the currents themselves underflow on open lines.
    part = transfer / torch.where(total > 0, total, 1)
    drop = taken * total  # what the line takes while all rows are driven
    with_own = part + evenness * (1 - part)
    square = evenness + (1 - evenness) * part.square().sum(-2, keepdim=True)
    share: Tensor = own.square() - 2 * own * drop * with_own + drop.square() * square
    return share.clamp_(min=0)


def _sensitivities(conductance: Tensor, wires: Wires, at_once: int) -> tuple[Tensor, ...]:
    """Return both derivatives, the second for rows driven `at_once`, `left` of `noise_response`, and transfer matrices."""
    rows, cols = conductance.shape[-2:]
    if wires.ideal or not conductance.numel():
        return *(torch.ones_like(conductance) for _ in range(3)), conductance
    signs = _signs(rows, cols, conductance)
    with torch.inference_mode(False), torch.enable_grad():
        arrays = conductance.detach().reshape(-1, rows, cols).clone()
        groups = torch.split(arrays, max(1, CELLS_AT_ONCE // (rows * cols)))
        found = [_derivatives(group.clone().requires_grad_(), wires, signs, at_once) for group in groups]
    return tuple(torch.cat(parts).view(conductance.shape) for parts in zip(*found, strict=True))


def _signs(rows: int, cols: int, like: Tensor) -> Tensor:
    """Return signs of inputs and outputs, `(probes, 2, rows + cols)`, the same for every array of one size."""
    generator = torch.Generator().manual_seed(0)
    bits = torch.randint(0, 2, (PROBES, 2, rows + cols), generator=generator)
    bits[:, 1, :rows] = 1
    return (2 * bits - 1).to(like)


def _derivatives(cells: Tensor, wires: Wires, signs: Tensor, at_once: int) -> tuple[Tensor, ...]:
    """Return what `_sensitivities` does for `(arrays, rows, cols)`; the first two are means over probes."""
    rows = cells.shape[-2]
    transfer = transfer_matrix(cells, wires)

    def derivative(weight: Tensor) -> Tensor:
        """Return the gradient of the weighted sum of all entries."""
        (gradient,) = torch.autograd.grad(transfer, cells, weight.expand_as(transfer), retain_graph=True)
        return gradient

    def mean(kind: int, driven: Tensor, probes: Tensor) -> Tensor:
        """Return the mean over probes, with signs of the inputs `driven` (rows, 1)."""
        mean = torch.zeros_like(cells)
        for probe in probes:
            sign = probe[kind, :rows, None] * driven * probe[kind, rows:]
            mean.addcmul_(sign, derivative(sign), value=1 / len(probes))
        return mean

    every = torch.ones_like(cells[0, :, :1])
    own, common = mean(0, every, signs), mean(1, every, signs)
    together = derivative(every.expand_as(cells[0]))
    left = torch.where(common > 0, together / torch.where(common > 0, common, 1), 1).clamp_(0, 1)
    units = _units(rows, at_once)
    if at_once == 1:
        common = own
    elif len(units) > 1:  # one probe each: there are as many as units to average over
        common = torch.empty_like(cells)
        for number, unit in enumerate(units):
            driven = torch.zeros_like(every)
            driven[unit] = 1
            common[:, unit] = mean(1, driven, signs[number % len(signs)][None])[:, unit]
    return own, common, left, transfer.detach()


def _units(rows: int, at_once: int) -> list[slice]:
    """Return the rows that are driven together, from the last on."""
    return [slice(max(0, last - at_once), last) for last in range(rows, 0, -at_once)]
