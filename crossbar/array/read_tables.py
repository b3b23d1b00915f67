"""What a tiled read needs, laid out for wide matrix products."""

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from mapping import Placement


@dataclass(frozen=True, kw_only=True)
class ReadTables:
    """One row per conversion, in units of the ADC step where there is an ADC, else of siemens."""

    matrix: Tensor
    """Transfer matrices, transposed, (conversions, rows); 0 where no word line is."""
    variance: Tensor | None
    """Read-noise variance of their entries, (conversions, rows), or None."""
    output: Tensor
    """Output, or reference column after the outputs, that each conversion feeds, int64, (conversions,)."""
    factor: Tensor
    """What one unit is worth in integer weight units, (conversions,)."""
    adc_offset: Tensor | None
    """Offset of each converter [codes], (conversions,), or None."""
    adc_bow: Tensor | None
    """Integral non-linearity of each converter at half range [codes], (conversions,), or None."""
    row_index: Tensor
    """Inputs of the word lines of each block, -1 for none, int64, (blocks, rows)."""
    row_shift: Tensor
    """Their power-of-two shifts, int64, (blocks, rows)."""


@dataclass(frozen=True, kw_only=True)
class Conversions:
    """Every analog-to-digital conversion of one read of the whole layer, block by block.

    A block is the set of tiles whose word lines carry the same inputs with the same shifts; a conversion is one bit line,
    or a pair of them whose currents are subtracted before the converter. Within a block conversions are ordered so that
    those of neighbouring outputs are neighbours.
    """

    block: Tensor
    """Block of each conversion, int64, (conversions,), ascending."""
    column: Tensor
    """Its bit line, as a position in (tiles x cols), int64, (conversions,)."""
    partner: Tensor | None
    """The bit line that is subtracted from it, or None where there are no pairs."""
    output: Tensor
    """Output that it feeds, int64, (conversions,)."""
    block_tile: Tensor
    """A tile that has the word lines of each block, int64, (blocks,)."""


def find_conversions(placement: Placement, *, analog_subtraction: bool) -> Conversions:
    """Group the bit lines of a placement into blocks and, where currents are subtracted, into pairs.

    Raises
    ------
    ValueError
        If currents shall be subtracted but a bit line has no partner of the other sign.
    """
    lines = placement.word_lines()
    patterns, block_of_tile = torch.unique(lines, dim=0, return_inverse=True)
    block_tile = torch.full((len(patterns),), placement.tiles, dtype=torch.int64, device=lines.device)
    block_tile.scatter_reduce_(0, block_of_tile, torch.arange(placement.tiles, device=lines.device), "amin")
    order = block_tile.argsort()  # blocks in the order of their first tile
    block_of_tile = order.argsort()[block_of_tile]
    columns = placement.column_index.shape[1]
    output = placement.column_index.flatten().to(torch.int64)
    column = torch.nonzero(output >= 0)[:, 0]
    block = block_of_tile.repeat_interleave(columns)[column]
    partner = None
    if analog_subtraction:
        column, partner, block = _pairs(placement, column, block)
    sums = placement.outputs_and_references
    rank = _rank(block * (sums + 1) + output[column])
    key = (block * (int(rank.max()) + 1) + rank) * sums + output[column] if len(column) else column
    order_in_block = key.argsort()
    return Conversions(
        block=block[order_in_block],
        column=column[order_in_block],
        partner=None if partner is None else partner[order_in_block],
        output=output[column[order_in_block]],
        block_tile=block_tile[order],
    )


@dataclass(frozen=True, kw_only=True)
class BlockRun:
    """Neighbouring blocks of one shape, read together."""

    first: int
    """First conversion."""
    blocks: int
    """Number of blocks."""
    conversions: int
    """Conversions of one block."""
    first_block: int
    """Number of the first block."""
    first_row: int
    """First row with a word line; those before are empty in every block of the run."""
    inputs: int | None
    """First input, where the word lines of all blocks carry inputs in ascending order; else None."""
    shifted: bool
    """Whether any word line shifts its input."""
    segments: tuple[tuple[int, int, int | None], ...]
    """Ranges of conversions within a block and the first output they feed, where those ascend; else None."""


_SMALL_BLOCK = 4096
"""Cells below which blocks are read together: one product of many small blocks, but of few large ones."""


def find_runs(block: Tensor, output: Tensor, row_index: Tensor, row_shift: Tensor) -> tuple[BlockRun, ...]:
    """Describe the blocks in plain numbers, so that a read branches on nothing stored in a tensor.

    Parameters
    ----------
    block, output
        Block and output of each conversion, as from `find_conversions`.
    row_index, row_shift
        Inputs of the word lines of each block and their shifts, (blocks, rows).
    """
    blocks, rows = row_index.shape
    counts = torch.bincount(block, minlength=blocks).tolist()
    used = row_index >= 0
    first_rows = torch.where(used.any(1), used.int().argmax(1), rows - 1).tolist()
    outputs = torch.split(output, counts)
    runs: list[BlockRun] = []
    start, first = 0, 0
    while first < blocks:
        number = _alike(first, counts, first_rows, rows)
        members = slice(first, first + number)
        runs.append(
            BlockRun(
                first=start,
                blocks=number,
                conversions=counts[first],
                first_block=first,
                first_row=first_rows[first],
                inputs=_ascending_from(row_index[members, first_rows[first] :]),
                shifted=bool(row_shift[members].any()),
                segments=_segments(torch.stack(outputs[members])),
            )
        )
        start += number * counts[first]
        first += number
    return tuple(runs)


def _alike(block: int, counts: list[int], first_rows: list[int], rows: int) -> int:
    """Return how many blocks from `block` on can be read together."""
    if counts[block] * (rows - first_rows[block]) > _SMALL_BLOCK:
        return 1
    number = 1
    while block + number < len(counts):
        other = block + number
        if counts[other] != counts[block] or first_rows[other] != first_rows[block]:
            break
        number += 1
    return number


def _segments(outputs: Tensor) -> tuple[tuple[int, int, int | None], ...]:
    """Cut the conversions of a run, feeding `outputs` (blocks, conversions), where their outputs start again."""
    conversions = outputs.shape[1]
    if conversions == 0:
        return ()
    cuts = [0, *(torch.nonzero(outputs[0].diff() != 1)[:, 0] + 1).tolist(), conversions]
    return tuple((start, stop, _ascending_from(outputs[:, start:stop])) for start, stop in itertools.pairwise(cuts))


def _ascending_from(values: Tensor) -> int | None:
    """Return the first of `values` (blocks, n) if all of them, block by block, count upwards by one."""
    flat = values.flatten()
    first = int(flat[0])
    expected = torch.arange(first, first + len(flat), device=flat.device)
    return first if first >= 0 and torch.equal(flat.to(torch.int64), expected) else None


def _rank(key: Tensor) -> Tensor:
    """Return how many earlier entries have the same key, for each entry."""
    order = key.argsort(stable=True)
    ordered = key[order]
    position = torch.arange(len(key), device=key.device)
    starts = torch.ones_like(ordered, dtype=torch.bool)
    starts[1:] = ordered[1:] != ordered[:-1]
    first = torch.where(starts, position, 0).cummax(0).values
    rank = torch.empty_like(position)
    rank[order] = position - first
    return rank


def _pairs(placement: Placement, column: Tensor, block: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Match every bit line of positive significance with the one that it is subtracted from."""
    significance = placement.column_significance.flatten().to(torch.int64)[column]
    output = placement.column_index.flatten().to(torch.int64)[column]
    key = (block * placement.outputs_and_references + output) * (int(significance.abs().max()) + 1) + significance.abs()
    positive, negative = significance > 0, significance < 0
    plus, minus = key[positive].argsort(stable=True), key[negative].argsort(stable=True)
    if len(plus) != len(minus) or not torch.equal(key[positive][plus], key[negative][minus]):
        raise ValueError(
            "`adc.subtraction='analog'` needs a bit line of the other sign beside every bit line. This placement has "
            "some without (an encoding without pairs, merged columns or released tiles). Use subtraction='digital'."
        )
    return column[positive][plus], column[negative][minus], block[positive][plus]
