"""The first pieces of an array: up to two by two cells, their inner nodes eliminated one by one in closed form.

In these most pairs of nodes are unconnected, so that a few products per cell do what a matrix would do with many.
"""

from functools import reduce
from itertools import combinations

import torch
from torch import Tensor

from crossbar.parasitics.block import Block

Node = tuple[str, int, int]
"""A node of a word line "w" or a bit line "b", by row and column; ("w", row, -1) and ("b", rows, column) are the ends
of the segments to the left and below."""
Network = dict[frozenset[Node], Tensor]
"""Conductance of each connected pair of nodes [S]."""


def unit_block(conductance: Tensor, left: Tensor, below: Tensor) -> Block:
    """Reduce pieces of at most two by two cells to their outer wire ends.

    Parameters
    ----------
    conductance, left, below
        `(rows, cols, ...)` conductances [S]: of the cell, of the word-line segment to its left and of the bit-line
        segment below it.

    Returns
    -------
    Block
        `(ports, ports, ...)`. The ports on top and on the right are the very nodes of the outer cells.
    """
    rows, cols = conductance.shape[:2]
    network: Network = {}
    for row in range(rows):
        for col in range(cols):
            word, bit = ("w", row, col), ("b", row, col)
            network[frozenset((word, bit))] = conductance[row, col]
            network[frozenset((word, ("w", row, col - 1)))] = left[row, col]
            network[frozenset((bit, ("b", row + 1, col)))] = below[row, col]
    for row in range(rows):
        for col in range(cols - 1):
            _eliminate(network, ("w", row, col))
    for row in range(1, rows):
        for col in range(cols):
            _eliminate(network, ("b", row, col))
    ports = [("w", row, -1) for row in reversed(range(rows))] + [("b", 0, col) for col in range(cols)]
    ports += [("w", row, cols - 1) for row in range(rows)] + [("b", rows, col) for col in reversed(range(cols))]
    none = torch.zeros_like(conductance[0, 0])
    coupling = torch.stack([network.get(frozenset((port, other)), none) for port in ports for other in ports])
    return Block(
        coupling.view(len(ports), len(ports), *none.shape), (("L", rows), ("T", cols), ("R", rows), ("B", cols))
    )


def _eliminate(network: Network, node: Node) -> None:
    """Replace a node and its connections by connections among its neighbours (star-mesh transform)."""
    star = {next(iter(pair - {node})): network.pop(pair) for pair in list(network) if node in pair}
    total = reduce(torch.add, star.values())
    share = {other: conductance / total for other, conductance in list(star.items())[:-1]}
    for one, other in combinations(star, 2):
        pair, through = frozenset((one, other)), share[one] * star[other]
        network[pair] = network[pair] + through if pair in network else through
