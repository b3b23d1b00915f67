"""The last join of a reduction, which computes no more than what is wanted: from drivers to sense ends."""

import torch
from torch import Tensor

from crossbar.parasitics.block import Block, cut, take
from crossbar.parasitics.join import node_matrix
from crossbar.parasitics.linear_solve import symmetric_inverse


def last_join(upper: Block, lower: Block) -> Tensor:
    """Return the transfer matrix of an array from its upper half, ports L and B, and its lower, ports T, L and B.

    Returns
    -------
    Tensor
        `(..., rows, cols)` [S]: conductance from each driver, bottom to top, to each grounded sense end, right to left.
    """
    drivers, senses = cut(lower.ports, "L").common, cut(lower.ports, "B").common
    top, common, meets = cut(upper.ports, "L").common, cut(upper.ports, "B").common, cut(lower.ports, "T").common
    to_top = take(upper.coupling, common, top, -2)
    to_drivers = take(lower.coupling, meets, drivers, -2).flip(-2)
    to_senses = take(lower.coupling, meets, senses, -2).flip(-2)
    inner = take(upper.coupling, common, common, -2) + take(lower.coupling, meets, meets, -2).flip((-2, -1))
    nodes = node_matrix(inner, torch.cat([to_top, to_drivers, to_senses], dim=-1))
    share = symmetric_inverse(nodes) @ to_senses  # (..., common, cols): share of ground's pull on a node
    direct = take(lower.coupling, drivers, senses, -2)
    return torch.cat([direct + to_drivers.mT @ share, to_top.mT @ share], dim=-2)
