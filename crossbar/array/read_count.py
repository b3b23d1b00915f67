"""What a read takes: pulses, cycles, reads of arrays, conversions, and what a periphery that skips idle rows saves."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from crossbar.array.drive import block_pulses

if TYPE_CHECKING:
    from crossbar.array.crossbar_array import CrossbarArray


@dataclass(kw_only=True)
class ReadCount:
    """What reading a layer takes without skipping (`all`) and with (`needed`), summed over vectors."""

    rows: int = 0
    """Pulses on word lines: one per used row of an array and input cycle."""
    rows_needed: int = 0
    """Of those, pulses that are not zero."""
    cycles: int = 0
    """Input cycles of blocks of rows: arrays whose word lines carry the same inputs count once."""
    cycles_needed: int = 0
    """Of those, cycles with a pulse on some row of the block."""
    reads: int = 0
    """Reads of single arrays, or of operation units of them."""
    reads_needed: int = 0
    """Of those, reads with a pulse on some row."""
    conversions: int = 0
    """ADC conversions: one per bit line, or pair of them whose currents are subtracted first."""
    conversions_needed: int = 0
    """Of those, conversions of arrays with a pulse on some row."""


@torch.no_grad()
def count_reads(array: "CrossbarArray", codes: Tensor, count: ReadCount) -> None:
    """Add what reading codes takes.

    An array is idle in an input cycle if none of its rows has a pulse: its columns carry no current and their code is
    zero, so that it need not be read. Negative inputs of a two-phase read take cycles of their own; where inputs are
    offset, a zero is driven too.

    Parameters
    ----------
    array
        Programmed arrays.
    codes
        Input codes, (vectors, inputs).
    count
        Sums so far.
    """
    placement, found = array.read_placement, array.conversions()
    used = (placement.row_index[found.block_tile] >= 0).sum(1)
    blocks = zip(*(t.tolist() for t in (found.block_tile, found.block_tiles, found.per_block(), used)), strict=True)
    for tile, tiles, conversions, rows in blocks:
        for drive in block_pulses(codes.t(), placement, array.config.inputs, tile):
            driven = drive != 0  # (rows, cycles, vectors)
            active = int(driven.any(0).sum())
            everything = driven[0].numel()
            count.rows += rows * everything * tiles
            count.rows_needed += int(driven.sum()) * tiles
            count.cycles += everything
            count.cycles_needed += active
            count.reads += everything * tiles
            count.reads_needed += active * tiles
            count.conversions += everything * conversions
            count.conversions_needed += active * conversions
