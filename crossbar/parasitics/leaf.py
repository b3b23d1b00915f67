"""The smallest pieces of an array, reduced element by element with all pieces along the last dimensions.

Matrices of a few ports are too small for matrix products to be fast; products of long vectors are not.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from crossbar.parasitics.block import Block, Cut, cut, joined_ports, pairs
from crossbar.parasitics.join import kept_network, meeting, spread_gradients
from crossbar.parasitics.unit import unit_block

UNIT_COLS = (4, 3, 2)
"""Columns of the first pieces: the most that the closed form pays for, if they divide a leaf; else all of a word line."""
LANES = 64
"""Pieces are filled up to a multiple of what torch computes at once: what is left over at the end it rounds otherwise,
and the numbers of a piece would depend on those next to it."""
_SIDES = {-2: ("R", "L"), -3: ("B", "T")}
"""The sides that meet when pieces are joined along a dimension."""


def leaf_blocks(conductance: Tensor, left: Tensor, below: Tensor) -> Block:
    """Reduce many small pieces of arrays to their outer wire ends.

    Parameters
    ----------
    conductance, left, below
        `(rows, cols, pieces)` conductances [S]: of the cell, of the word-line segment to its left and of the bit-line
        segment below it.

    Returns
    -------
    Block
        `(pieces, ports, ports)`.
    """
    rows, cols, pieces = conductance.shape
    down = 2 if rows % 2 == 0 else 1
    across = next(count for count in (*UNIT_COLS, cols) if cols % count == 0)
    whole = (pad(part, (0, -pieces % LANES), value=1.0) for part in (conductance, left, below))
    parts = (part.unflatten(1, (-1, across)).unflatten(0, (-1, down)) for part in whole)
    block = unit_block(*(part.movedim((1, 3), (0, 1)) for part in parts))
    dims = (-3, -2) if across > down else (-2, -3)  # square pieces have the fewest ports
    while any(size % 2 == 0 for size in block.coupling.shape[2:4]):
        for dim in dims:
            if block.coupling.shape[dim] % 2 == 0:
                block = _halve(block, dim)
    for dim in dims:
        block = _combine(block, dim)
    ports = len(block.coupling)
    coupling = block.coupling.view(ports * ports, -1)[:, :pieces].t().contiguous()
    return Block(coupling.view(pieces, ports, ports), block.ports)


def _halve(block: Block, dim: int) -> Block:
    """Join neighbouring pieces, of which there is an even number along one dimension."""
    first, second = pairs(block.coupling, dim)
    return _join(Block(first, block.ports), Block(second, block.ports), dim)


def _combine(block: Block, dim: int) -> Block:
    """Join all pieces along one dimension."""
    pieces = block.coupling.shape[dim]
    if pieces == 1:
        return block
    whole = _combine(_halve(Block(block.coupling.narrow(dim, 0, pieces - pieces % 2), block.ports), dim), dim)
    return _join(whole, Block(block.coupling.narrow(dim, -1, 1), block.ports), dim) if pieces % 2 else whole


def _join(first: Block, second: Block, dim: int) -> Block:
    end, start = _SIDES[dim]
    cuts = cut(first.ports, end), cut(second.ports, start)
    coupling: Tensor = _LeafJoin.apply(first.coupling, second.coupling, *cuts)
    return Block(coupling, joined_ports(cuts[0].ports, cuts[1].ports))


class _LeafJoin(torch.autograd.Function):
    """`join` with the ports along the first two dimensions, the common nodes eliminated one by one (star-mesh)."""

    @staticmethod
    def forward(ctx: Any, first: Tensor, second: Tensor, first_cut: Cut, second_cut: Cut) -> Tensor:
        """Compute, and keep what the adjoint pass needs."""
        inner, outer = meeting(first, first_cut, second, second_cut, 0)
        lines = torch.cat([inner, outer], 1)
        count = len(lines)
        joined = kept_network(first, first_cut, second, second_cut, 0)
        shares = []
        for node in range(count):
            own = lines[node, node + 1 :]  # to the nodes that are left
            shares.append(own / own.sum(0))
            others = count - node - 1
            if others:
                lines[node + 1 :, node + 1 :].addcmul_(own[:others].unsqueeze(1), shares[node])
            joined.addcmul_(own[others:].unsqueeze(1), shares[node][others:])
        joined.diagonal(dim1=0, dim2=1).zero_()
        ctx.save_for_backward(*shares)
        ctx.cuts = first_cut, second_cut
        return joined

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Return the gradients by one adjoint pass: the nodes come back one by one, the last first."""
        shares = ctx.saved_tensors
        first, second = ctx.cuts
        count, kept = first.count, len(grad)
        both = grad.new_empty(count + kept, count + kept, *grad.shape[2:])  # with respect to each connection
        torch.add(grad, grad.transpose(0, 1), out=both[count:, count:])
        both.diagonal(dim1=0, dim2=1).zero_()
        for node in reversed(range(count)):
            mean = (both[node + 1 :, node + 1 :] * shares[node]).sum(1)
            mean -= (mean * shares[node]).sum(0).mul_(0.5)
            both[node, node + 1 :] = both[node + 1 :, node] = mean
        inner, outer = both[:count, :count] * 0.5, both[:count, count:]
        return (
            spread_gradients(grad, inner, outer, first, 0, False, 0),
            spread_gradients(grad, inner, outer, second, first.stay, True, 0),
            None,
            None,
        )
