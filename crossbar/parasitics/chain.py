"""Many wires at once: segments of resistance between nodes with a conductance to ground, ends at given voltages."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Level:
    """What becomes of every second node of a chain: `(..., odd nodes)` each."""

    left: Tensor
    """Share of an eliminated node's current that leaves through its left neighbour."""
    right: Tensor
    """Share that leaves through its right neighbour."""
    own: Tensor
    """Resistance of the node to its grounded neighbours and ground [ohm]."""


@dataclass(frozen=True)
class Chain:
    """A factorised set of wires, from eliminating every second node until only the two end terminals are left.

    Everything is a sum of positive products of resistances and conductances: perfect conductors and open ends are
    exact, and a solution costs five multiplications a node, in `2 log2(nodes)` steps.
    """

    levels: tuple[Level, ...]
    left_load: Tensor
    """Conductance to ground that the left terminal sees in the end [S]."""
    right_load: Tensor
    """Conductance to ground that the right terminal sees in the end [S]."""
    through: Tensor
    """Resistance between the terminals in the end, infinite where an end is open [ohm]."""

    def solve(self, currents: Tensor, left: Tensor | None = None, right: Tensor | None = None) -> Tensor:
        """Return node voltages `(..., nodes)` for injected `currents`, with the terminals at `left`, `right` or 0 V."""
        injected = self._eliminate(currents)[0]
        voltages = torch.empty_like(currents)
        views = [voltages]
        for _ in self.levels[1:]:
            views.append(views[-1][..., 1::2])
        for level, current, view in zip(reversed(self.levels), reversed(injected), reversed(views), strict=True):
            odd, even = view[..., 0::2], view[..., 1::2]
            kept = even.shape[-1]
            torch.mul(level.own, current, out=odd)
            odd[..., :kept].addcmul_(level.right[..., :kept], even)
            odd[..., 1:].addcmul_(level.left[..., 1:], even[..., : odd.shape[-1] - 1])
            if left is not None:
                odd[..., :1].addcmul_(level.left[..., :1], left.unsqueeze(-1))
            if right is not None and odd.shape[-1] > kept:
                odd[..., -1:].addcmul_(level.right[..., -1:], right.unsqueeze(-1))
        return voltages

    def end_currents(self, currents: Tensor) -> tuple[Tensor, Tensor]:
        """Return the currents `(...)` that leave through the left and right terminal, both at 0 V."""
        _, left, right = self._eliminate(currents)
        return left, right

    def _eliminate(self, currents: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        injected = []
        leaving_left = torch.zeros_like(currents[..., 0])
        leaving_right = torch.zeros_like(currents[..., 0])
        for level in self.levels:
            odd, even = currents[..., 0::2], currents[..., 1::2]
            kept, inner = even.shape[-1], odd.shape[-1] - 1
            injected.append(odd)
            leaving_left.addcmul_(level.left[..., 0], odd[..., 0])
            if inner == kept:
                leaving_right.addcmul_(level.right[..., -1], odd[..., -1])
            currents = torch.addcmul(even, level.right[..., :kept], odd[..., :kept])
            currents[..., :inner].addcmul_(level.left[..., 1:], odd[..., 1:])
        return injected, leaving_left, leaving_right


def factor_chain(left_end: Tensor, segment: Tensor, right_end: Tensor, loads: Tensor) -> Chain:
    """Return the factorised wires.

    Parameters
    ----------
    left_end, right_end
        `(..., 1)` resistance between an end terminal and the node next to it, infinite if open [ohm].
    segment
        Resistance between neighbouring nodes, one number [ohm].
    loads
        `(..., nodes)` conductance from each node to ground [S].
    """
    shape = loads.shape[:-1]
    nodes = loads.shape[-1]
    ends = [left_end.expand(*shape, 1), segment.expand(*shape, nodes - 1), right_end.expand(*shape, 1)]
    segments = torch.cat(ends, dim=-1)
    left_load, right_load = torch.zeros_like(loads[..., 0]), torch.zeros_like(loads[..., 0])
    levels = []
    while nodes:
        odd = loads[..., 0::2]
        before, after = segments[..., 0:nodes:2], segments[..., 1 : nodes + 1 : 2]
        level, joined = _eliminate_nodes(before, after, odd)
        levels.append(level)
        kept, inner = nodes // 2, odd.shape[-1] - 1
        left_load = left_load + level.left[..., 0] * odd[..., 0]
        if nodes % 2:
            right_load = right_load + level.right[..., -1] * odd[..., -1]
        loads = torch.addcmul(loads[..., 1::2], level.right[..., :kept], odd[..., :kept])
        loads[..., :inner].addcmul_(level.left[..., 1:], odd[..., 1:])
        segments = joined if nodes % 2 else torch.cat([joined, segments[..., nodes:]], dim=-1)
        nodes = kept
    return Chain(tuple(levels), left_load, right_load, segments[..., 0])


def _eliminate_nodes(before: Tensor, after: Tensor, load: Tensor) -> tuple[Level, Tensor]:
    """Eliminate nodes between resistances `before` and `after`; only the first and the last of a line may be open."""
    own = before * after
    joined = before + after + load * own
    perfect = joined == 0  # both neighbours sit at the node's own voltage: any share is right
    divisor = torch.where(perfect, 1, joined)
    left = torch.where(perfect, 0.5, after / divisor)
    right = torch.where(perfect, 0.5, before / divisor)
    own = own / divisor
    for place in {0, before.shape[-1] - 1}:
        at = slice(place, place + 1)
        open_before, open_after = before[..., at].isinf(), after[..., at].isinf()
        if not bool((open_before | open_after).any()):
            continue
        wire = torch.where(open_before, after[..., at], before[..., at])
        reaching = 1 / (1 + load[..., at] * wire)
        alone = open_before & open_after
        is_open = open_before | open_after
        left[..., at] = torch.where(
            open_after, torch.where(alone, 0, reaching), torch.where(open_before, 0, left[..., at])
        )
        right[..., at] = torch.where(
            open_before, torch.where(alone, 0, reaching), torch.where(open_after, 0, right[..., at])
        )
        own[..., at] = torch.where(alone, 1 / load[..., at], torch.where(is_open, wire * reaching, own[..., at]))
        joined[..., at] = torch.where(is_open, torch.inf, joined[..., at])
    return Level(left, right, own), joined
