"""The exact transfer matrix by reducing ever larger pieces of the array to their outer wire ends."""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from crossbar.parasitics.block import Block, cut, pairs, take
from crossbar.parasitics.join import above, beside, leave_open
from crossbar.parasitics.last_join import last_join
from crossbar.parasitics.leaf import leaf_blocks

CELLS_AT_ONCE = 1 << 15
"""Cells whose blocks are grown together: few enough to stay in cache, enough to make calls cheap."""
KEPT_BYTES = 31 << 20
"""A buffer of this size, taken and given back before the work: from then on glibc (which learns from buffers up to 32
MiB) keeps what one group gives back for the next, instead of asking the system for fresh pages each time: a quarter of
the time of a batch in a process that has held nothing large yet."""
TILES = (2, 3, 4)
LARGEST_TILE = 64
"""Lines of a tile up to which it pays to work on all tiles at once, open ends included."""
LEAVES = (5, 6, 7, 8)

Item = TypeVar("Item")
Division = tuple[int, int, int]
"""How one side of an array is divided: tiles, leaves in a tile (a power of two), cells in a leaf."""


def kron_reduction(conductance: Tensor, resistances: Tensor) -> Tensor:
    """Return the transfer matrix of arrays `(..., rows, cols)` with `row > 0` and `column > 0`.

    A piece of an array is fully described by the conductances between the ends of its wires. Pieces of a few cells
    are joined in pairs, beside and above each other in turn, and the common nodes eliminated, until four tiles are
    left; there the open ends of the word lines (right) and bit lines (top) are dropped, and the last join only
    computes what is wanted: from the drivers to the sense ends.

    Doubling a square block from `n/2` to `n` takes about 56 n^3 floating-point operations, a whole array about
    60 n^3, nearly all of them in matrix products; the few operations per cell that build the leaves weigh more below
    `n = 128`. Conductances enter and leave as sums of positive terms, so that float32 reaches 5e-6 at 512 x 512.
    Memory is 64 numbers a cell within one group of tiles and 16 numbers a cell for what they leave behind.

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
    groups = torch.split(conductance.reshape(-1, rows, cols), max(1, CELLS_AT_ONCE // (rows * cols)))
    down, across = _division(rows), _division(cols)
    wires = [_cut(part, down, across) for part in _segments(len(groups[0]), down, across, resistances)]
    if conductance.device.type == "cpu":
        torch.empty(KEPT_BYTES, dtype=torch.uint8)
    for arrays in groups:
        yield _join_tiles(_tiles(arrays, wires, down, across))


def _tiles(arrays: Tensor, wires: list[Tensor], down: Division, across: Division) -> list[list[Block]]:
    """Reduce arrays `(arrays, rows, cols)` to tiles, `[row][col]`.

    Open cells at the open ends, on the right and on top, carry no current: padding there changes nothing.
    """
    rows, cols = arrays.shape[-2:]
    cells = _cut(pad(arrays, (0, math.prod(across) - cols, math.prod(down) - rows, 0)), down, across)
    parts = [cells, *(part[..., : cells.shape[-1]] for part in wires)]
    at_once = max(1, CELLS_AT_ONCE // math.prod((*down[1:], *across[1:])))
    tiles = [_tile(*group) for group in zip(*(torch.split(part, at_once, dim=-1) for part in parts), strict=True)]
    coupling = torch.cat([tile.coupling for tile in tiles])
    coupling = coupling.view(-1, down[0], across[0], *coupling.shape[1:])
    return [[Block(tile, tiles[0].ports) for tile in line.unbind(1)] for line in coupling.unbind(1)]


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


def _join_tiles(grid: list[list[Block]]) -> list[Block]:
    """Join the last tiles of each array, `grid[row][col]`, until one or two are left, and drop the open ends."""
    grid[0] = [leave_open(block, "T") for block in grid[0]]
    for line in grid:
        line[-1] = leave_open(line[-1], "R")
    while len(grid) > 2 or len(grid[0]) > 1:
        if len(grid[0]) > 1:
            grid = [[beside(a, b) for a, b in _couples(line)] + line[len(line) // 2 * 2 :] for line in grid]
        if len(grid) > 2:
            joined = [[above(a, b) for a, b in zip(*lines, strict=True)] for lines in _couples(grid)]
            grid = joined + grid[len(grid) // 2 * 2 :]
    return [line[0] for line in grid]


def _transfer(halves: list[Block]) -> Tensor:
    """Read off the conductances from the drivers, bottom to top, to the sense ends, right to left; compute no others."""
    if len(halves) == 2:
        return last_join(*halves)
    drivers, senses = (cut(halves[0].ports, side).common for side in "LB")
    return take(halves[0].coupling, drivers, senses, -2)


def _whole(halves: list[Block]) -> Block:
    """Return the whole array."""
    return halves[0] if len(halves) == 1 else above(*halves)


def _couples(items: list[Item]) -> list[tuple[Item, Item]]:
    return list(zip(items[0::2], items[1::2], strict=False))
