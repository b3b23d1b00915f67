"""What a read takes: pulses, cycles, reads of arrays, conversions, and what a periphery that skips idle rows saves."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from crossbar.array.block_counts import count_blocks

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
    found, blocks = array.conversions(), count_blocks(array, codes)
    used = (array.read_placement.row_index[found.block_tile] >= 0).sum(1)
    arrays, one = found.block_tiles, torch.ones_like(used)
    _add(count, "rows", blocks.cycles * used * arrays, blocks.pulses * arrays)
    for name, number in (("cycles", one), ("reads", arrays), ("conversions", found.per_block())):
        _add(count, name, blocks.cycles * number, blocks.active * number)


def _add(count: ReadCount, name: str, everything: Tensor, needed: Tensor) -> None:
    for field, values in ((name, everything), (f"{name}_needed", needed)):
        setattr(count, field, getattr(count, field) + int(values.sum()))
