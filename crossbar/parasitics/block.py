"""A rectangular piece of a crossbar, reduced to the conductances between its outer wire ends.

The ports of a piece stand in clockwise order, begun anywhere. Whatever side it is joined at, the ports that stay are
then one stretch of that circle, and those of both pieces, one after the other, are the circle of the joined piece:
nothing needs to be sorted, and copies run over long stretches.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate, groupby
from operator import itemgetter

import torch
from torch import Tensor

Ports = tuple[tuple[str, int], ...]
"""Sides and how many ports of each, clockwise: L goes up, T right, R down, B left; only the first and the last stretch
may lie on one side."""
Span = tuple[int, int]


@dataclass(frozen=True)
class Block:
    """A network without inner nodes: positive conductances between the wire ends of a piece of a crossbar."""

    coupling: Tensor
    """Symmetric conductance between each pair of ports, diagonal 0 [S]: `(..., ports, ports)`, in leaves `(ports,
    ports, ...)`."""
    ports: Ports
    """The side each port lies on: L and R end word lines, T and B end bit lines."""


@dataclass(frozen=True)
class Cut:
    """Which ports of a block are eliminated, and which stay."""

    common: tuple[Span, ...]
    """Stretches of those eliminated, clockwise."""
    kept: tuple[Span, ...]
    """Stretches of the others, clockwise from behind the eliminated ones."""
    ports: Ports
    """Sides of those that stay."""

    @cached_property
    def count(self) -> int:
        """How many are eliminated."""
        return sum(stop - start for start, stop in self.common)

    @cached_property
    def stay(self) -> int:
        """How many stay."""
        return sum(stop - start for start, stop in self.kept)


@lru_cache(maxsize=1024)
def cut(ports: Ports, side: str) -> Cut:
    """Return how to take one side off the circle of ports."""
    stops = list(accumulate(count for _, count in ports))
    spans = [(stop - count, stop) for stop, (_, count) in zip(stops, ports, strict=True)]
    places = [place for place, (name, _) in enumerate(ports) if name == side]
    if not places:
        return Cut((), ((0, stops[-1]),), ports)
    first, last = places[0], places[-1]
    if first == last:
        order = [*range(last + 1, len(ports)), *range(first)]
        pieces = [(stops[last], stops[-1]), (0, spans[first][0])]
        common: tuple[Span, ...] = (spans[first],)
    else:
        order = [*range(1, last)]
        pieces = [(stops[0], spans[last][0])]
        common = (spans[last], spans[0])
    return Cut(common, tuple((a, b) for a, b in pieces if b > a), _merged(tuple(ports[place] for place in order)))


@lru_cache(maxsize=1024)
def joined_ports(first: Ports, second: Ports) -> Ports:
    """Return the stretches of two blocks one after the other."""
    return _merged((*first, *second))


def _merged(ports: Ports) -> Ports:
    """Return neighbouring stretches of one side as one."""
    return tuple((side, sum(count for _, count in same)) for side, same in groupby(ports, key=itemgetter(0)))


def take(coupling: Tensor, rows: tuple[Span, ...], columns: tuple[Span, ...], dim: int) -> Tensor:
    """Return the conductances from some ports to others, in the order given; ports lie along `dim` and `dim + 1`."""
    lines = []
    for row in rows:
        parts = [part(coupling, row, column, dim) for column in columns]
        lines.append(parts[0] if len(parts) == 1 else torch.cat(parts, dim + 1))
    return lines[0] if len(lines) == 1 else torch.cat(lines, dim)


def part(coupling: Tensor, rows: Span, columns: Span, dim: int) -> Tensor:
    """Return a view of the conductances from one stretch of ports to another; `dim` is 0 in leaves and -2 elsewhere."""
    between = slice(*rows), slice(*columns)
    return coupling[between] if dim == 0 else coupling[(..., *between)]


def pairs(coupling: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Return every first and every second entry along one dimension of even size."""
    shape = list(coupling.shape)
    dim %= len(shape)
    first, second = coupling.reshape(*shape[:dim], shape[dim] // 2, 2, *shape[dim + 1 :]).unbind(dim + 1)
    return first, second
