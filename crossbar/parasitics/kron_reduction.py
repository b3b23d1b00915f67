"""The exact transfer matrix by reducing ever larger pieces of the array to their outer wire ends."""

import math
from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import pad

from crossbar.parasitics.block import Block, cut, pairs, take
from crossbar.parasitics.join import above, beside, leave_open
from crossbar.parasitics.last_join import last_join
from crossbar.parasitics.leaf import leaf_blocks

CELLS_AT_ONCE = 1 << 15
"""Cells whose tiles are grown together: few enough to stay in cache, enough to make calls cheap."""
GROUP_CELLS = 1 << 17
"""Cells of the arrays whose tiles are joined together; these are fewer numbers, and many short calls."""
KEPT_BYTES = 31 << 20
"""A buffer of this size, taken and given back before the work: from then on glibc (which learns from buffers up to 32
MiB) keeps what one group gives back for the next, instead of asking the system for fresh pages each time: a quarter of
the time of a batch in a process that has held nothing large yet."""
TILES = (2, 3, 4, 5)
LARGEST_TILE = 32
"""Lines of a tile up to which it pays to treat all tiles alike, those with open ends included."""
LEAVES = (5, 6, 7, 8)

_DIMS = {"T": 1, "R": 2}
"""The dimension along which tiles lie that end on a side."""

Line = tuple[Block | None, Block | None]
"""Tiles along one dimension: all but those at the open ends, and those."""
Division = tuple[int, int, int]
"""How one side of an array is divided: tiles, leaves in a tile (a power of two), cells in a leaf."""


def kron_reduction(conductance: Tensor, resistances: Tensor) -> Tensor:
    """Return the transfer matrix of arrays `(..., rows, cols)` with `row > 0` and `column > 0`.

    A piece of an array is fully described by the conductances between the ends of its wires. Pieces of a few cells
    are joined in pairs, beside and above each other in turn, and the common nodes eliminated, up to tiles of 32 lines;
    there the open ends of the word lines (right) and bit lines (top) are dropped, tiles are joined in the same way, and
    the last join only computes what is wanted: from the drivers to the sense ends.

    An array of n x n cells takes 60 to 70 n^3 floating-point operations, nearly all of them in matrix products; the few
    operations per cell that build the leaves, and the calls themselves, weigh more below `n = 128`. Conductances enter
    and leave as sums of positive terms, so that float32 reaches 5e-6 at 512 x 512. Memory is 64 numbers a cell within
    one group of tiles and about 40 numbers a cell while these are joined.

    Parameters
    ----------
    conductance
        Cell conductances `(..., rows, cols)` [S].
    resistances
        `(4,)`: row, column, driver, sense [ohm]; row and column > 0.

    Returns
    -------
    Tensor
        Transfer matrix `(..., rows, cols)` [S].
    """
    rows, cols = conductance.shape[-2:]
    transfer = [_transfer(halves) for halves in _last_halves(conductance, resistances)]
    return torch.cat(transfer).flip((-2, -1))[..., -rows:, :cols].reshape(conductance.shape)


def driver_coupling(conductance: Tensor, resistances: Tensor) -> tuple[Tensor, Tensor]:
    """Return the conductances between the drivers of arrays, and their transfer matrices, as `kron_reduction`.

    Returns
    -------
    tuple
        Conductances `(..., rows, rows)` [S], symmetric with zero diagonal, and transfer matrices `(..., rows, cols)` [S].
    """
    rows, cols = conductance.shape[-2:]
    blocks = [_whole(halves) for halves in _last_halves(conductance, resistances)]
    lines, ends = (cut(blocks[0].ports, side).common for side in "LB")
    between = torch.cat([take(block.coupling, lines, lines, -2) for block in blocks]).flip((-2, -1))
    transfer = torch.cat([take(block.coupling, lines, ends, -2) for block in blocks]).flip((-2, -1))
    between, transfer = between[..., -rows:, -rows:], transfer[..., -rows:, :cols]
    return between.reshape(*conductance.shape[:-1], rows), transfer.reshape(conductance.shape)


def _last_halves(conductance: Tensor, resistances: Tensor) -> Iterator[list[Block]]:
    """Reduce arrays, in groups that stay in cache, to their lower and upper halves, or to one block."""
    rows, cols = conductance.shape[-2:]
    groups = torch.split(conductance.reshape(-1, rows, cols), max(1, GROUP_CELLS // (rows * cols)))
    down, across = _division(rows), _division(cols)
    wires = [_cut(part, down, across) for part in _segments(len(groups[0]), down, across, resistances)]
    if conductance.device.type == "cpu":
        torch.empty(KEPT_BYTES, dtype=torch.uint8)
    for arrays in groups:
        yield _join_tiles(_tiles(arrays, wires, down, across))


def _tiles(arrays: Tensor, wires: list[Tensor], down: Division, across: Division) -> Block:
    """Reduce arrays `(arrays, rows, cols)` to tiles `(arrays, tiles down, tiles across, ports, ports)`.

    Open cells at the open ends, on the right and on top, carry no current: padding there changes nothing.
    """
    rows, cols = arrays.shape[-2:]
    cells = _cut(pad(arrays, (0, math.prod(across) - cols, math.prod(down) - rows, 0)), down, across)
    parts = [cells, *(part[..., : cells.shape[-1]] for part in wires)]
    at_once = max(1, CELLS_AT_ONCE // math.prod((*down[1:], *across[1:])))
    tiles = [_tile(*group) for group in zip(*(torch.split(part, at_once, dim=-1) for part in parts), strict=True)]
    coupling = torch.cat([tile.coupling for tile in tiles])
    return Block(coupling.view(-1, down[0], across[0], *coupling.shape[1:]), tiles[0].ports)


@lru_cache(maxsize=1024)
def _division(size: int) -> Division:
    """Return the division that pads `size` least, and of these the one with the largest tiles up to `LARGEST_TILE`."""
    if size <= max(LEAVES):
        return 1, 1, size
    divisions = [(tiles, 2**doublings, leaf) for tiles in TILES for leaf in LEAVES for doublings in range(size)[:20]]
    tiles, leaves, leaf = min((d for d in divisions if math.prod(d) >= size), key=lambda d: (math.prod(d), d[0], -d[2]))
    while leaves > 1 and leaves * leaf > LARGEST_TILE:
        tiles, leaves = tiles * 2, leaves // 2
    return tiles, leaves, leaf


def _segments(arrays: int, down: Division, across: Division, resistances: Tensor) -> tuple[Tensor, Tensor]:
    """Return for each cell of padded arrays the conductance of the segments to its left and below it [S]."""
    row, column, driver, sense = resistances.unbind()
    rows, cols = math.prod(down), math.prod(across)
    left = torch.cat([(row + driver).view(1), row.expand(cols - 1)]).reciprocal()
    below = torch.cat([column.expand(rows - 1), (column + sense).view(1)]).reciprocal()
    return left.expand(arrays, rows, cols), below.unsqueeze(-1).expand(arrays, rows, cols)


def _cut(values: Tensor, down: Division, across: Division) -> Tensor:
    """Return `(leaf rows, leaf cols, leaves down, leaves across, arrays * tiles down * tiles across)`."""
    return values.reshape(-1, *down, *across).permute(3, 6, 2, 5, 0, 1, 4).flatten(4)


def _tile(cells: Tensor, left: Tensor, below: Tensor) -> Block:
    """Reduce tiles `(leaf rows, leaf cols, leaves down, leaves across, tiles)` to `(tiles, ports, ports)`."""
    block = leaf_blocks(*(part.flatten(2).contiguous() for part in (cells, left, below)))
    block = Block(block.coupling.view(*cells.shape[2:], *block.coupling.shape[1:]), block.ports)
    while max(block.coupling.shape[:2]) > 1:
        if block.coupling.shape[1] > 1:
            block = beside(*_pairs(block, dim=1))
        if block.coupling.shape[0] > 1:
            block = above(*_pairs(block, dim=0))
    return Block(block.coupling[0, 0], block.ports)


def _pairs(block: Block, dim: int) -> tuple[Block, Block]:
    first, second = pairs(block.coupling, dim)
    return Block(first, block.ports), Block(second, block.ports)


def _join_tiles(tiles: Block) -> list[Block]:
    """Join the tiles of each array until one is left, or two above each other.

    The open ends are dropped first, which makes tiles on top and on the right smaller than the others: joined at once
    are those inside, those on top, those on the right, and the corner.
    """
    lines = [_apart(line, "R") for line in _apart(tiles, "T")]
    while lines[1][0] or _count(lines[0][1], 1) > 1:
        lines = [_joined(*line, "R") for line in lines]
        if _count(lines[0][1], 1) > 1:
            columns = [_joined(inner, top, "T") for inner, top in zip(*lines, strict=True)]
            lines = list(zip(*columns, strict=True))
    halves = [line[1] for line in reversed(lines)]
    return [Block(half.coupling[:, 0, 0], half.ports) for half in halves if half]


def _apart(tiles: Block | None, side: str) -> Line:
    """Return all tiles but those on one side, and those on that side with their open ends dropped."""
    if tiles is None:
        return None, None
    dim, others = _DIMS[side], _count(tiles, _DIMS[side]) - 1
    edge = leave_open(_narrow(tiles, dim, others if side == "R" else 0, 1), side)
    return (_narrow(tiles, dim, 0 if side == "R" else 1, others) if others else None), edge


def _joined(others: Block | None, edge: Block | None, side: str) -> Line:
    """Join neighbours, of which those at the edge are the last (side "R") or the first ("T")."""
    dim, join_two = _DIMS[side], beside if side == "R" else above
    count = _count(others, dim)
    if others and edge and count % 2:
        if side == "R":
            edge, others = beside(_narrow(others, dim, count - 1, 1), edge), _narrow(others, dim, 0, count - 1)
        else:
            edge, others = above(edge, _narrow(others, dim, 0, 1)), _narrow(others, dim, 1, count - 1)
    return (join_two(*_pairs(others, dim)) if others and count > 1 else None), edge


def _count(tiles: Block | None, dim: int) -> int:
    return tiles.coupling.shape[dim] if tiles else 0


def _narrow(tiles: Block, dim: int, start: int, count: int) -> Block:
    return Block(tiles.coupling.narrow(dim, start, count), tiles.ports)


def _transfer(halves: list[Block]) -> Tensor:
    """Read off the conductances from the drivers, bottom to top, to the sense ends, right to left; compute no others."""
    if len(halves) == 2:
        return last_join(*halves)
    drivers, senses = (cut(halves[0].ports, side).common for side in "LB")
    return take(halves[0].coupling, drivers, senses, -2)


def _whole(halves: list[Block]) -> Block:
    """Return the whole array."""
    return halves[0] if len(halves) == 1 else above(*halves)
