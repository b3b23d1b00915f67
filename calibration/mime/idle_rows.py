"""Zero inputs on crossbars: word lines not driven, and what a periphery that skips idle rows saves."""

from dataclasses import dataclass

import torch
from torch import Tensor

from crossbar.converters import pulses, quantize_inputs
from crossbar.layers import AbstractAnalogLayer


@dataclass(kw_only=True)
class ReadCount:
    """What reading a layer takes without skipping (`all`) and with (`needed`), summed over vectors."""

    rows: int = 0
    """Pulses on word lines: one per used row of an array and input cycle."""
    rows_needed: int = 0
    """Of those, pulses that are not zero."""
    cycles: int = 0
    """Input cycles of blocks of rows: arrays that share their rows count once."""
    cycles_needed: int = 0
    """Of those, cycles with a pulse on some row of the block."""
    reads: int = 0
    """Reads of single arrays."""
    reads_needed: int = 0
    """Of those, reads with a pulse on some row."""
    conversions: int = 0
    """ADC conversions: one per used column of an array that is read."""
    conversions_needed: int = 0
    """Of those, conversions of arrays with a pulse on some row."""


@torch.no_grad()
def count_reads(layer: AbstractAnalogLayer, x: Tensor, count: ReadCount) -> None:
    """Add what reading `x` takes.

    An array is idle in an input cycle if none of its rows has a pulse: its columns carry no current and their code is
    zero, so that it need not be read. Negative inputs of a two-phase read take cycles of their own.

    Parameters
    ----------
    layer
        A programmed layer.
    x
        Its input.
    count
        Sums so far.
    """
    array = layer.array
    placement, inputs = array.placement, array.config.inputs
    codes = layer.input_vectors(
        quantize_inputs(x, array.code_range(x, vector_dimensions=layer.vector_dimensions), inputs)
    )
    phases = [codes.abs()]
    if inputs.negative == "two_phase" and bool((codes < 0).any()):
        phases = [codes.clamp(min=0), (-codes).clamp(min=0)]
    extra_bits = int(placement.row_shift.max())
    blocks = _row_blocks(placement.row_index, placement.row_shift)
    columns = (placement.column_index >= 0).sum(1)  # (tiles,)
    for phase in phases:
        for (rows, shift), tiles in blocks.items():
            index = torch.tensor(rows, device=x.device)
            drive = phase[:, index] * 2.0 ** torch.tensor(shift, device=x.device)
            driven = pulses(drive, inputs, extra_bits) != 0  # (cycles, vectors, rows)
            active = int(driven.any(-1).sum())
            everything = driven.shape[0] * driven.shape[1]
            used = int(columns[tiles].sum())
            count.rows += driven.numel() * len(tiles)
            count.rows_needed += int(driven.sum()) * len(tiles)
            count.cycles += everything
            count.cycles_needed += active
            count.reads += everything * len(tiles)
            count.reads_needed += active * len(tiles)
            count.conversions += everything * used
            count.conversions_needed += active * used


def _row_blocks(row_index: Tensor, row_shift: Tensor) -> dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]]:
    """Return the arrays that share their used rows, by inputs and shifts of these rows."""
    blocks: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
    for tile, (rows, shifts) in enumerate(zip(row_index.tolist(), row_shift.tolist(), strict=True)):
        used = [(row, shift) for row, shift in zip(rows, shifts, strict=True) if row >= 0]
        if used:
            key = (tuple(row for row, _ in used), tuple(shift for _, shift in used))
            blocks.setdefault(key, []).append(tile)
    return blocks
