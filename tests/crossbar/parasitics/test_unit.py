"""The first pieces of an array, against one dense elimination of all their inner nodes."""

import pytest
import torch

from crossbar.parasitics.block import Block
from crossbar.parasitics.leaf import leaf_blocks
from crossbar.parasitics.unit import unit_block

UNITS = ((1, 1), (1, 2), (2, 1), (2, 2), (1, 4), (2, 3), (2, 4), (3, 3))
LEAVES = (*UNITS, (1, 7), (7, 1), (3, 5), (4, 4), (5, 6), (6, 6), (7, 7))


def segments(rows, cols, dtype=torch.float64):
    """Cells of 1 uS to 100 uS, some open, and wires of about 1 ohm: `(rows, cols, 3)` each."""
    generator = torch.Generator().manual_seed(0)
    draws = torch.rand(4, rows, cols, 3, generator=generator, dtype=torch.float64)
    cells = (draws[0] * 1e-4 + 1e-6) * (draws[3] > 0.2)
    return tuple(part.to(dtype) for part in (cells, draws[1] + 0.5, draws[2] + 0.5))


def eliminated(cells, left, below):
    """Couplings `(pieces, ports, ports)` by the Schur complement of the whole conductance matrix."""
    rows, cols, pieces = cells.shape
    ports = [("L", row, 0) for row in reversed(range(rows))] + [("b", 0, col) for col in range(cols)]
    ports += [("w", row, cols - 1) for row in range(rows)] + [("B", 0, col) for col in reversed(range(cols))]
    every = [(line, row, col) for line in "wb" for row in range(rows) for col in range(cols)]
    names = ports + [node for node in every if node not in ports]
    place = {name: index for index, name in enumerate(names)}
    matrix = torch.zeros(pieces, len(names), len(names), dtype=torch.float64)
    for row in range(rows):
        for col in range(cols):
            word, bit = place["w", row, col], place["b", row, col]
            before = place["w", row, col - 1] if col else place["L", row, 0]
            behind = place["b", row + 1, col] if row + 1 < rows else place["B", 0, col]
            for one, other, part in ((word, bit, cells), (word, before, left), (bit, behind, below)):
                matrix[:, one, other] = matrix[:, other, one] = -part[row, col].double()
    matrix -= torch.diag_embed(matrix.sum(-1))
    count = len(ports)
    outer, inner = matrix[:, :count, count:], matrix[:, count:, count:]
    reduced = matrix[:, :count, :count] - outer @ torch.linalg.solve(inner, outer.mT)
    return torch.diag_embed(reduced.diagonal(dim1=1, dim2=2)) - reduced


def from_the_left(block):
    """Couplings `(pieces, ports, ports)` with the circle begun at the lowest port on the left."""
    sides = [side for side, count in block.ports for _ in range(count)]
    start = next(at for at, side in enumerate(sides) if side == "L" and sides[at - 1] != "L")
    return block.coupling.roll((-start, -start), (-2, -1))


@pytest.mark.parametrize(("rows", "cols"), UNITS)
def test_units(rows, cols):
    parts = segments(rows, cols)
    block = unit_block(*parts)
    coupling = from_the_left(Block(block.coupling.movedim(-1, 0), block.ports))
    torch.testing.assert_close(coupling, eliminated(*parts), rtol=1e-10, atol=1e-13)
    assert not coupling.diagonal(dim1=1, dim2=2).any()


@pytest.mark.parametrize(("rows", "cols"), LEAVES)
def test_leaves(rows, cols):
    parts = segments(rows, cols)
    coupling = from_the_left(leaf_blocks(*parts))
    torch.testing.assert_close(coupling, eliminated(*parts), rtol=1e-9, atol=1e-13)
    assert torch.equal(coupling == 0, (coupling == 0).mT)
    single = from_the_left(leaf_blocks(*(part.float() for part in parts))).double()
    torch.testing.assert_close(single, coupling, rtol=2e-6, atol=0)  # every entry, however weak


@pytest.mark.parametrize(("rows", "cols"), [(2, 2), (3, 5), (4, 4)])
def test_leaves_have_gradients(rows, cols):
    cells, left, below = segments(rows, cols)
    parts = tuple(part[..., :1].clone().requires_grad_() for part in (cells * 1e4, left, below))
    assert torch.autograd.gradcheck(lambda *values: leaf_blocks(*values).coupling, parts)
