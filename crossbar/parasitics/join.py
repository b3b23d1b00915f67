"""Joining two networks at common nodes and eliminating these, without a single subtraction of like terms."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from crossbar.parasitics.block import Block, Cut, Span, cut, joined_ports, part, take
from crossbar.parasitics.linear_solve import symmetric_inverse


def beside(left: Block, right: Block) -> Block:
    """Return two blocks side by side; the word-line ends between them are eliminated."""
    return join(left, right, "R", "L")


def above(upper: Block, lower: Block) -> Block:
    """Return one block on top of the other; the bit-line ends between them are eliminated."""
    return join(upper, lower, "B", "T")


def join(first: Block, second: Block, end: str, start: str) -> Block:
    """Connect side `end` of one block to side `start` of another, and eliminate these nodes.

    With `E (count, kept)` the conductances from the common nodes to the ports that stay and `S` the node matrix of the
    common nodes, whose diagonal is the sum of all that a node is connected to, the joined network is that of the
    remaining ports plus `E.T @ S^-1 @ E`: sums of positive terms only, so that every entry keeps its relative accuracy
    in float32 however much better a wire conducts than a cell.

    Parameters
    ----------
    first, second
        Blocks with couplings `(..., ports, ports)` [S].
    end, start
        The sides that meet, with as many ports each; their circles run against each other.

    Returns
    -------
    Block
        Ports of `first` that stay, then those of `second`. Differentiable once: the backward pass is the adjoint
        elimination, at about the cost of the forward pass.
    """
    cuts = cut(first.ports, end), cut(second.ports, start)
    coupling: Tensor = _Join.apply(first.coupling, second.coupling, *cuts)
    return Block(coupling, joined_ports(cuts[0].ports, cuts[1].ports))


def leave_open(block: Block, side: str) -> Block:
    """Return the block with the ports of one side left unconnected, and so eliminated."""
    own = cut(block.ports, side)
    if not own.common:
        return block
    nothing = block.coupling.new_zeros(*block.coupling.shape[:-2], own.count, own.count)
    coupling: Tensor = _Join.apply(block.coupling, nothing, own, Cut(((0, own.count),), (), ()))
    return Block(coupling, own.ports)


def node_matrix(inner: Tensor, outer: Tensor) -> Tensor:
    """Return the matrix `S (..., nodes, nodes)` of nodes with conductances `inner` among them and `outer` to others."""
    matrix = -inner
    matrix.diagonal(dim1=-2, dim2=-1).add_(inner.sum(-1) + outer.sum(-1))
    return matrix


def meeting(first: Tensor, first_cut: Cut, second: Tensor, second_cut: Cut, dim: int) -> tuple[Tensor, Tensor]:
    """Return the conductances among common nodes, and `(count, kept)` from them to the ports that stay."""
    common, other = first_cut.common, second_cut.common
    inner = take(first, common, common, dim) + take(second, other, other, dim).flip((dim, dim + 1))
    outer = [take(first, common, (span,), dim) for span in first_cut.kept]
    outer += [take(second, other, (span,), dim).flip(dim) for span in second_cut.kept]
    return inner, torch.cat(outer, dim + 1)


def kept_network(first: Tensor, first_cut: Cut, second: Tensor, second_cut: Cut, dim: int) -> Tensor:
    """Return the network of the ports that stay as it is before the join; nothing connects those of both blocks yet."""
    shape = list(first.shape)
    shape[dim] = shape[dim + 1] = first_cut.stay + second_cut.stay
    network = first.new_zeros(shape)
    at = 0
    for block, own in ((first, first_cut), (second, second_cut)):
        places = placed(own.kept, at)
        for target, source in places:
            for other_target, other_source in places:
                part(network, target, other_target, dim).copy_(part(block, source, other_source, dim))
        at += own.stay
    return network


def placed(spans: tuple[Span, ...], at: int) -> list[tuple[Span, Span]]:
    """Return where stretches lie when put one behind the other from `at` on, each with the stretch itself."""
    places = []
    for start, stop in spans:
        places.append(((at, at + stop - start), (start, stop)))
        at += stop - start
    return places


def spread_gradients(
    grad: Tensor, inner: Tensor, outer: Tensor, own: Cut, at: int, backwards: bool, dim: int
) -> Tensor:
    """Return the gradient of one block: `grad` of the joined network, `inner` and `outer` of what `meeting` gave."""
    size = own.stay + own.count
    shape = list(grad.shape)
    shape[dim] = shape[dim + 1] = size
    gradient = grad.new_zeros(shape)
    outer = outer.narrow(dim + 1, at, own.stay)
    if backwards:
        inner, outer = inner.flip((dim, dim + 1)), outer.flip(dim)
    kept, common = placed(own.kept, 0), placed(own.common, 0)
    joined = grad.narrow(dim, at, own.stay).narrow(dim + 1, at, own.stay)
    for values, rows, columns in ((joined, kept, kept), (outer, common, kept), (inner, common, common)):
        for source, target in rows:
            for other_source, other_target in columns:
                part(gradient, target, other_target, dim).copy_(part(values, source, other_source, dim))
    return gradient


class _Join(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, first: Tensor, second: Tensor, first_cut: Cut, second_cut: Cut) -> Tensor:
        """Compute, and keep what the adjoint pass needs."""
        inner, outer = meeting(first, first_cut, second, second_cut, -2)
        count, kept = outer.shape[-2:]
        flat = outer.view(-1, count, kept)
        # (..., count, kept): share of each kept port in a node
        spread = torch.bmm(symmetric_inverse(node_matrix(inner, outer)).view(-1, count, count), flat)
        joined = kept_network(first, first_cut, second, second_cut, -2)
        joined.view(-1, kept, kept).baddbmm_(flat.mT, spread)
        joined.diagonal(dim1=-2, dim2=-1).zero_()
        ctx.save_for_backward(spread.view(outer.shape))
        ctx.cuts = first_cut, second_cut
        return joined

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Return the gradients by one adjoint pass."""
        (spread,) = ctx.saved_tensors
        first, second = ctx.cuts
        both = grad + grad.mT
        both.diagonal(dim1=-2, dim2=-1).zero_()
        outer = spread @ both
        nodes = outer @ spread.mT * -0.5  # gradient of the node matrix
        own = nodes.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
        inner = own - nodes
        inner.diagonal(dim1=-2, dim2=-1).zero_()
        outer = outer + own
        return (
            spread_gradients(grad, inner, outer, first, 0, False, -2),
            spread_gradients(grad, inner, outer, second, first.stay, True, -2),
            None,
            None,
        )
