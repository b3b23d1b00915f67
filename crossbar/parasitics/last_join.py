"""The last join of a reduction, which computes no more than what is wanted: from drivers to sense ends."""

import torch
from torch import Tensor

from crossbar.parasitics.block import Block
from crossbar.parasitics.join import node_matrix
from crossbar.parasitics.linear_solve import solve


def last_join(upper: Block, lower: Block) -> Tensor:
    """Return the transfer matrix of an array from its upper half, ports L and B, and its lower, ports T, L and B.

    Returns
    -------
    Tensor
        `(..., rows, cols)` [S]: conductance from each driver to each grounded sense end.
    """
    upper, lower = upper.arrange("L", "B"), lower.arrange("T", "B")
    top, common, bottom = upper.ports.count("L"), lower.ports.count("T"), lower.ports.count("L")
    to_top = upper.coupling[..., top:, :top]
    to_lower = lower.coupling[..., :common, common:]
    inner = upper.coupling[..., top:, top:] + lower.coupling[..., :common, :common]
    nodes = node_matrix(inner, torch.cat([to_top, to_lower], dim=-1))
    share = solve(nodes, to_lower[..., bottom:])  # (..., common, cols): share of ground's pull on a node
    direct = lower.coupling[..., common : common + bottom, common + bottom :]
    return torch.cat([to_top.mT @ share, direct + to_lower[..., :bottom].mT @ share], dim=-2)
