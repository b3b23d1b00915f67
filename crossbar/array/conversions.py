"""Which bit lines are converted, in which block of arrays, and for which output."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mapping import Placement
from mapping.ranks import rank_among_equals


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
    block_tiles: Tensor
    """How many tiles each block has, int64, (blocks,)."""

    def per_block(self) -> Tensor:
        """Return the number of conversions of each block, int64, (blocks,)."""
        return torch.bincount(self.block, minlength=len(self.block_tile))


def find_conversions(placement: Placement, *, analog_subtraction: bool) -> Conversions:
    """Group the bit lines of a placement into blocks and, where currents are subtracted, into pairs.

    Bit lines of word lines driven with opposite signs carry differences already, and have no partners.

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
    if analog_subtraction and not placement.has_opposite_rows:
        column, partner, block = _pairs(placement, column, block)
    sums = placement.outputs_and_references
    rank = rank_among_equals(block * (sums + 1) + output[column])
    key = (block * (int(rank.max()) + 1) + rank) * sums + output[column] if len(column) else column
    order_in_block = key.argsort()
    return Conversions(
        block=block[order_in_block],
        column=column[order_in_block],
        partner=None if partner is None else partner[order_in_block],
        output=output[column[order_in_block]],
        block_tile=block_tile[order],
        block_tiles=torch.bincount(block_of_tile, minlength=len(order)),
    )


def currents_of(transfer: Tensor, found: Conversions) -> Tensor:
    """Return what each conversion sees of its word lines [S], (conversions, rows), from (tiles, rows, cols)."""
    matrix = by_conversion(transfer, found.column)
    return matrix if found.partner is None else matrix - by_conversion(transfer, found.partner)


def by_conversion(values: Tensor, column: Tensor) -> Tensor:
    """Pick bit lines, (tiles, rows, cols) -> (conversions, rows)."""
    return values.transpose(1, 2).flatten(0, 1)[column]


def _pairs(placement: Placement, column: Tensor, block: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Match every bit line of positive significance with the one that it is subtracted from."""
    significance = placement.column_significance.flatten().to(torch.int64)[column]
    output = placement.column_index.flatten().to(torch.int64)[column]
    largest = int(significance.abs().max()) if len(column) else 0
    key = (block * placement.outputs_and_references + output) * (largest + 1) + significance.abs()
    positive, negative = significance > 0, significance < 0
    plus, minus = key[positive].argsort(stable=True), key[negative].argsort(stable=True)
    if len(plus) != len(minus) or not torch.equal(key[positive][plus], key[negative][minus]):
        raise ValueError(
            "`adc.subtraction='analog'` needs a bit line of the other sign beside every bit line. This placement has "
            "some without (an encoding without pairs, merged columns or released tiles). Use subtraction='digital'."
        )
    return column[positive][plus], column[negative][minus], block[positive][plus]
