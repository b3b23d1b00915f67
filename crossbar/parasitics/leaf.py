"""The smallest pieces of an array, reduced element by element with all pieces along the last dimensions.

Matrices of a few ports are too small for matrix products to be fast; products of long vectors are not.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from crossbar.parasitics.block import Block, Cut, cut, joined_ports, pairs
from crossbar.parasitics.join import add_kept, meeting, spread_gradients

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
    none = torch.zeros_like(conductance)
    cell = [
        [none, none, left, none],  # ports L, T, R, B; T and R are the very nodes of the cell
        [none, none, conductance, below],
        [left, conductance, none, none],
        [none, below, none, none],
    ]
    coupling = torch.stack([torch.stack(line) for line in cell])  # (4, 4, rows, cols, pieces)
    block = Block(coupling, (("L", 1), ("T", 1), ("R", 1), ("B", 1)))
    while any(size % 2 == 0 for size in block.coupling.shape[2:4]):
        for dim in (-2, -3):
            if block.coupling.shape[dim] % 2 == 0:
                block = _halve(block, dim)
    for dim in (-2, -3):
        block = _combine(block, dim)
    ports = len(block.coupling)
    return Block(block.coupling.view(ports * ports, -1).t().contiguous().view(-1, ports, ports), block.ports)


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
    """`join` with the ports along the first two dimensions."""

    @staticmethod
    def forward(ctx: Any, first: Tensor, second: Tensor, first_cut: Cut, second_cut: Cut) -> Tensor:
        """Compute, and keep what the adjoint pass needs."""
        inner, outer = meeting(first, first_cut, second, second_cut, 0)
        spread = torch.cat([inner, outer], 1)
        for node in range(first_cut.count):
            _substitute(spread, node)
        spread = spread[:, first_cut.count :]
        joined = outer[0].unsqueeze(1) * spread[0].unsqueeze(0)
        for node in range(1, first_cut.count):
            joined.addcmul_(outer[node].unsqueeze(1), spread[node].unsqueeze(0))
        add_kept(joined, first, first_cut, second, second_cut, 0)
        ctx.save_for_backward(spread)
        ctx.cuts = first_cut, second_cut
        return joined

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Return the gradients by one adjoint pass."""
        (spread,) = ctx.saved_tensors
        first, second = ctx.cuts
        grad = grad.clone()
        grad.diagonal(dim1=0, dim2=1).zero_()
        both = grad + grad.transpose(0, 1)
        outer = torch.stack([(both * weights).sum(1) for weights in spread])
        nodes = torch.stack([(outer * weights).sum(1) for weights in spread]) * -0.5
        own = nodes.diagonal(dim1=0, dim2=1).movedim(-1, 0).unsqueeze(1)
        inner = own - nodes
        inner.diagonal(dim1=0, dim2=1).zero_()
        outer = outer + own
        return (
            spread_gradients(grad, inner, outer, first, 0, False, 0),
            spread_gradients(grad, inner, outer, second, first.stay, True, 0),
            None,
            None,
        )


def _substitute(spread: Tensor, node: int) -> None:
    """Express the voltage of one common node as a mean of the others', in its own row and in all others."""
    own = spread[node]
    own[node].zero_()
    own /= own.sum(0)
    if len(spread) == 1:
        return
    share = spread[:, node].clone()
    spread[:, node].zero_()
    spread.addcmul_(share.unsqueeze(1), own.unsqueeze(0).clone())
