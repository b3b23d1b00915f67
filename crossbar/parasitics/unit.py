"""The first pieces of an array: few cells, their inner nodes eliminated one by one in closed form.

In these most pairs of nodes are unconnected, so that a few products per cell do what a matrix would do with many.
"""

from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import combinations

import torch
from torch import Tensor

from crossbar.parasitics.block import Block

Node = tuple[str, int, int]
"""A node of a word line "w" or a bit line "b", by row and column; ("w", row, -1) and ("b", rows, column) are the ends
of the segments to the left and below."""
Product = tuple[int, int, int]
"""Two connections of a star, by their place in it, and the number of the connection that they become a part of."""


@dataclass(frozen=True)
class Elimination:
    """How the inner nodes of a piece are eliminated; connections are numbered, first those there are, then new ones."""

    steps: tuple[tuple[tuple[int, ...], tuple[Product, ...]], ...]
    """For each node its connections (a star), and what replaces them (a mesh)."""
    table: tuple[int, ...]
    """The connection of each port with each, row by row; -1 where there is none."""


def unit_block(conductance: Tensor, left: Tensor, below: Tensor) -> Block:
    """Reduce pieces of few cells to their outer wire ends.

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
    plan = _elimination(rows, cols)
    values = [value for part in (conductance, left, below) for line in part.unbind() for value in line.unbind()]
    for connections, products in plan.steps:
        star = [values[connection] for connection in connections]
        total = reduce(torch.add, star)
        shares = [value / total for value in star[:-1]]
        for one, other, target in products:
            if target == len(values):
                values.append(shares[one] * star[other])
            else:
                values[target] = torch.addcmul(values[target], shares[one], star[other])
    values.append(torch.zeros_like(values[0]))
    coupling = torch.stack([values[connection] for connection in plan.table])
    ports = 2 * (rows + cols)
    return Block(coupling.unflatten(0, (ports, ports)), (("L", rows), ("T", cols), ("R", rows), ("B", cols)))


@lru_cache(maxsize=64)
def _elimination(rows: int, cols: int) -> Elimination:
    """Plan the elimination of all inner nodes, that with the fewest neighbours first."""
    cells = [(row, col) for row in range(rows) for col in range(cols)]
    ends = [(("w", *cell), ("b", *cell)) for cell in cells]
    ends += [(("w", row, col), ("w", row, col - 1)) for row, col in cells]
    ends += [(("b", row, col), ("b", row + 1, col)) for row, col in cells]
    numbers = {frozenset(pair): number for number, pair in enumerate(ends)}
    count = len(numbers)
    left: list[Node] = [("w", row, -1) for row in reversed(range(rows))]
    bottom: list[Node] = [("b", rows, col) for col in reversed(range(cols))]
    ports = [*left, *(("b", 0, col) for col in range(cols)), *(("w", row, cols - 1) for row in range(rows)), *bottom]
    inner = {node for pair in numbers for node in pair} - set(ports)
    steps = []
    while inner:
        node = min(sorted(inner), key=lambda one: sum(one in pair for pair in numbers))
        inner.remove(node)
        star = {next(iter(pair - {node})): numbers.pop(pair) for pair in list(numbers) if node in pair}
        products = []
        for (place, one), (other_place, other) in combinations(enumerate(star), 2):
            pair = frozenset((one, other))
            if pair not in numbers:
                numbers[pair] = count
                count += 1
            products.append((place, other_place, numbers[pair]))
        steps.append((tuple(star.values()), tuple(products)))
    table = (numbers.get(frozenset((port, other)), -1) for port in ports for other in ports)
    return Elimination(tuple(steps), tuple(table))
