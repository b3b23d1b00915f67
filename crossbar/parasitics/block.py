"""A rectangular piece of a crossbar, reduced to the conductances between its outer wire ends."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from crossbar.parasitics.join import join

SHORTEST_RUN = 6
"""Mean number of neighbouring ports that stay together from which on copying slices beats picking entries."""


@dataclass(frozen=True)
class Block:
    """A network without inner nodes: positive conductances between the wire ends of a piece of a crossbar."""

    coupling: Tensor
    """`(..., ports, ports)` symmetric conductance between each pair of ports, diagonal 0 [S]."""
    ports: str
    """The side each port lies on: L and R end word lines, T and B end bit lines."""

    def arrange(self, first: str, last: str) -> "Block":
        """Return the block with the ports of side `first` in front and those of side `last` at the back."""
        order = port_order(self.ports, first, last)
        if order is None:
            return self
        runs = _runs(order)
        if len(runs) * SHORTEST_RUN > len(order):
            size = len(order)
            place = torch.tensor(order, device=self.coupling.device)
            picked = self.coupling.flatten(-2)[..., (place[:, None] * size + place).flatten()]
            coupling = picked.view(self.coupling.shape)
        else:
            coupling = torch.cat([self.coupling[..., start:stop, :] for start, stop in runs], dim=-2)
            coupling = torch.cat([coupling[..., start:stop] for start, stop in runs], dim=-1)
        return Block(coupling, "".join(self.ports[place] for place in order))

    def beside(self, right: "Block") -> "Block":
        """Return this block joined to the one on its right; the word-line ends between them are eliminated."""
        return _join(self.arrange("L", "R"), right.arrange("L", "R"), "R")

    def above(self, below: "Block") -> "Block":
        """Return this block joined to the one below it; the bit-line ends between them are eliminated."""
        return _join(self.arrange("T", "B"), below.arrange("T", "B"), "B")

    def leave_open(self, side: str) -> "Block":
        """Return the block with the ports of one side left unconnected, and so eliminated."""
        block = self.arrange("", side)
        count = block.ports.count(side)
        if count == 0:
            return self
        nothing = block.coupling.new_zeros(*block.coupling.shape[:-2], count, count)
        return Block(join(block.coupling, nothing, count), block.ports[:-count])


def _join(first: Block, second: Block, side: str) -> Block:
    count = first.ports.count(side)
    return Block(join(first.coupling, second.coupling, count), first.ports[:-count] + second.ports[count:])


@lru_cache(maxsize=1024)
def port_order(ports: str, first: str, last: str) -> tuple[int, ...] | None:
    """Return the places of `ports` with side `first` in front and side `last` at the back; None: as they are."""
    front = [place for place, side in enumerate(ports) if side == first]
    back = [place for place, side in enumerate(ports) if side == last]
    middle = [place for place, side in enumerate(ports) if side not in (first, last)]
    order = (*front, *middle, *back)
    return None if order == tuple(range(len(ports))) else order


@lru_cache(maxsize=1024)
def _runs(order: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Return the stretches `[start, stop)` of neighbours that `order` keeps together."""
    starts = [at for at in range(len(order)) if at == 0 or order[at] != order[at - 1] + 1]
    stops = [*starts[1:], len(order)]
    return tuple((order[start], order[stop - 1] + 1) for start, stop in zip(starts, stops, strict=True))


def pairs(coupling: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Return every first and every second entry along one dimension of even size."""
    shape = list(coupling.shape)
    dim %= len(shape)
    first, second = coupling.reshape(*shape[:dim], shape[dim] // 2, 2, *shape[dim + 1 :]).unbind(dim + 1)
    return first, second
