"""Joining two networks at common nodes and eliminating these, without a single subtraction of like terms."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from crossbar.parasitics.linear_solve import inverse


def join(first: Tensor, second: Tensor, count: int) -> Tensor:
    """Connect the last `count` ports of one network to the first `count` of another, and eliminate them.

    Networks are matrices of positive conductances between ports, with a zero diagonal. With `E (count, kept)` the
    conductances from the common nodes to the ports that stay and `S` the node matrix of the common nodes, whose
    diagonal is the sum of all that a node is connected to, the joined network is that of the remaining ports plus
    `E.T @ S^-1 @ E`: sums of positive terms only, so that every entry keeps its relative accuracy in float32 however
    much better a wire conducts than a cell.

    Parameters
    ----------
    first, second
        Conductances `(..., ports, ports)` [S], symmetric with zero diagonal.
    count
        How many ports they share.

    Returns
    -------
    Tensor
        Conductances `(..., kept, kept)` [S]: the ports of `first` that stay, then those of `second`. Differentiable
        once: the backward pass is the adjoint elimination, at about the cost of the forward pass.
    """
    joined: Tensor = _Join.apply(first, second, count)  # type: ignore[no-untyped-call]
    return joined


def node_matrix(inner: Tensor, outer: Tensor) -> Tensor:
    """Return the matrix `S (..., nodes, nodes)` of nodes with conductances `inner` among them and `outer` to others."""
    return torch.diag_embed(inner.sum(-1) + outer.sum(-1)) - inner


class _Join(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, first: Tensor, second: Tensor, count: int) -> Tensor:
        """Compute, and keep what the adjoint pass needs."""
        kept_first, kept_second = first.shape[-1] - count, second.shape[-1] - count
        kept = kept_first + kept_second
        outer = torch.cat([first[..., kept_first:, :kept_first], second[..., :count, count:]], dim=-1)
        inner = first[..., kept_first:, kept_first:] + second[..., :count, :count]
        spread = _solve(node_matrix(inner, outer), outer)  # (..., count, kept): share of each kept port in a node
        joined = outer.new_zeros(*outer.shape[:-2], kept, kept)
        joined[..., :kept_first, :kept_first] = first[..., :kept_first, :kept_first]
        joined[..., kept_first:, kept_first:] = second[..., count:, count:]
        flat = joined.view(-1, kept, kept)
        if count == 1:
            flat += outer.view(-1, kept, 1) * spread.view(-1, 1, kept)
        else:
            flat.baddbmm_(outer.view(-1, count, kept).mT, spread.reshape(-1, count, kept))
        joined.diagonal(dim1=-2, dim2=-1).zero_()
        ctx.save_for_backward(spread)
        ctx.kept_first = kept_first
        return joined

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        """Return the gradients by one adjoint pass."""
        (spread,) = ctx.saved_tensors
        count, kept = spread.shape[-2:]
        cut = ctx.kept_first
        grad = grad - torch.diag_embed(grad.diagonal(dim1=-2, dim2=-1))
        outer = spread @ (grad + grad.mT)
        nodes = outer @ spread.mT * -0.5  # gradient of the node matrix
        own = nodes.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
        outer = outer + own
        inner = own - nodes
        inner.diagonal(dim1=-2, dim2=-1).zero_()
        first = grad.new_zeros(*grad.shape[:-2], cut + count, cut + count)
        first[..., :cut, :cut] = grad[..., :cut, :cut]
        first[..., cut:, :cut] = outer[..., :cut]
        first[..., cut:, cut:] = inner
        second = grad.new_zeros(*grad.shape[:-2], count + kept - cut, count + kept - cut)
        second[..., count:, count:] = grad[..., cut:, cut:]
        second[..., :count, count:] = outer[..., cut:]
        second[..., :count, :count] = inner
        return first, second, None


def _solve(matrix: Tensor, right: Tensor) -> Tensor:
    if matrix.shape[-1] == 1:
        return right / matrix
    return inverse(matrix) @ right
