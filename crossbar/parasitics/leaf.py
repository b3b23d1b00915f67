"""The smallest pieces of an array, reduced element by element with all pieces along the last dimension.

Matrices of a few ports are too small for matrix products to be fast; products of long vectors are not.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from crossbar.parasitics.block import Block, pairs, port_order


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
        [none, none, none, left],  # ports L, T, B, R; T and R are the very nodes of the cell
        [none, none, below, conductance],
        [none, below, none, none],
        [left, conductance, none, none],
    ]
    coupling = torch.stack([torch.stack(line) for line in cell])  # (4, 4, rows, cols, pieces)
    coupling, ports = _combine(coupling, "LTBR", -2, "L", "R")
    coupling, ports = _combine(coupling.squeeze(-2), ports, -2, "T", "B")
    return Block(coupling.squeeze(-2).permute(2, 0, 1).contiguous(), ports)


def _combine(coupling: Tensor, ports: str, dim: int, front: str, back: str) -> tuple[Tensor, str]:
    order = port_order(ports, front, back)
    if order is not None:
        index = torch.tensor(order, device=coupling.device)
        coupling = coupling.index_select(0, index).index_select(1, index)
        ports = "".join(ports[place] for place in order)
    return _combine_all(coupling, ports, dim, ports.count(front))


def _combine_all(coupling: Tensor, ports: str, dim: int, count: int) -> tuple[Tensor, str]:
    pieces = coupling.shape[dim]
    if pieces == 1:
        return coupling, ports
    first, second = pairs(coupling.narrow(dim, 0, pieces - pieces % 2), dim)
    joined, wider = _combine_all(*_join(first, ports, second, ports, count), dim, count)
    if pieces % 2:
        return _join(joined, wider, coupling.narrow(dim, -1, 1), ports, count)
    return joined, wider


def _join(first: Tensor, first_ports: str, second: Tensor, second_ports: str, count: int) -> tuple[Tensor, str]:
    joined: Tensor = _LeafJoin.apply(first, second, count)  # type: ignore[no-untyped-call]
    return joined, first_ports[:-count] + second_ports[count:]


class _LeafJoin(torch.autograd.Function):
    """`join` with the ports along the first two dimensions."""

    @staticmethod
    def forward(ctx: Any, first: Tensor, second: Tensor, count: int) -> Tensor:
        """Compute, and keep what the adjoint pass needs."""
        cut = first.shape[0] - count
        kept = cut + second.shape[0] - count
        outer = torch.cat([first[cut:, :cut], second[:count, count:]], dim=1)
        spread = torch.cat([first[cut:, cut:] + second[:count, :count], outer], dim=1)
        for node in range(count):
            _substitute(spread, node)
        spread = spread[:, count:]
        joined = outer.new_zeros(kept, kept, *outer.shape[2:])
        joined[:cut, :cut] = first[:cut, :cut]
        joined[cut:, cut:] = second[count:, count:]
        for node in range(count):
            joined.addcmul_(outer[node].unsqueeze(1), spread[node].unsqueeze(0))
        joined.diagonal(dim1=0, dim2=1).zero_()
        ctx.save_for_backward(spread)
        ctx.cut = cut
        return joined

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        """Return the gradients by one adjoint pass."""
        (spread,) = ctx.saved_tensors
        cut = ctx.cut
        grad = grad.clone()
        grad.diagonal(dim1=0, dim2=1).zero_()
        both = grad + grad.transpose(0, 1)
        outer = torch.stack([(both * weights).sum(1) for weights in spread])
        nodes = torch.stack([(outer * weights).sum(1) for weights in spread]) * -0.5
        own = nodes.diagonal(dim1=0, dim2=1).movedim(-1, 0).unsqueeze(1)
        outer = outer + own
        inner = own - nodes
        inner.diagonal(dim1=0, dim2=1).zero_()
        first = torch.cat(
            [
                torch.cat([grad[:cut, :cut], torch.zeros_like(outer[:, :cut]).transpose(0, 1)], 1),
                torch.cat([outer[:, :cut], inner], 1),
            ]
        )
        second = torch.cat(
            [
                torch.cat([inner, outer[:, cut:]], 1),
                torch.cat([torch.zeros_like(outer[:, cut:]).transpose(0, 1), grad[cut:, cut:]], 1),
            ]
        )
        return first, second, None


def _substitute(spread: Tensor, node: int) -> None:
    """Express the voltage of one common node as a mean of the others', in its own row and in all others."""
    own = spread[node]
    own[node].zero_()
    own /= own.sum(0)
    for other in range(spread.shape[0]):
        if other != node:
            spread[other].addcmul_(spread[other, node].clone(), own)
            spread[other, node].zero_()
