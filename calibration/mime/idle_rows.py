"""Zero inputs on crossbars: word lines not driven, and what a periphery that skips idle rows saves."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from crossbar.array.read_tables import find_conversions
from crossbar.config import CrossbarConfig
from crossbar.converters import InputConfig, pulses, quantize_inputs
from crossbar.layers import AbstractAnalogLayer
from mapping import Placement


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
    """Reads of single arrays."""
    reads_needed: int = 0
    """Of those, reads with a pulse on some row."""
    conversions: int = 0
    """ADC conversions: one per bit line, or pair of them whose currents are subtracted first."""
    conversions_needed: int = 0
    """Of those, conversions of arrays with a pulse on some row."""


@torch.no_grad()
def count_reads(layer: AbstractAnalogLayer, x: Tensor, count: ReadCount) -> None:
    """Add what reading `x` takes.

    An array is idle in an input cycle if none of its rows has a pulse: its columns carry no current and their code is
    zero, so that it need not be read. Negative inputs of a two-phase read take cycles of their own; where inputs are
    offset, a zero is driven too.

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
    placement, inputs = array.read_placement, array.config.inputs
    codes = layer.input_vectors(
        quantize_inputs(x, array.code_range(x, vector_dimensions=layer.vector_dimensions), inputs)
    )
    extra_bits = placement.largest_shift
    for phase in _phases(codes, inputs):
        for block in _blocks(placement, array.config):
            drive = phase[:, block.inputs] * 2.0**block.shifts
            driven = pulses(drive, inputs, extra_bits) != 0  # (cycles, vectors, rows)
            active = int(driven.any(-1).sum())
            everything = driven.shape[0] * driven.shape[1]
            count.rows += driven.numel() * block.tiles
            count.rows_needed += int(driven.sum()) * block.tiles
            count.cycles += everything
            count.cycles_needed += active
            count.reads += everything * block.tiles
            count.reads_needed += active * block.tiles
            count.conversions += everything * block.conversions
            count.conversions_needed += active * block.conversions


class _Block(NamedTuple):
    """Arrays, or operation units of them, whose word lines carry the same inputs."""

    inputs: Tensor
    """Input of each used word line, (rows,)."""
    shifts: Tensor
    """Its power-of-two shift, (rows,)."""
    tiles: int
    """How many arrays."""
    conversions: int
    """ADC conversions of a read of all of them."""


def _phases(codes: Tensor, inputs: InputConfig) -> list[Tensor]:
    """Return the magnitudes driven in each phase of a read."""
    if inputs.offset_code:
        return [codes + inputs.offset_code]
    if inputs.negative == "two_phase" and bool((codes < 0).any()):
        return [codes.clamp(min=0), (-codes).clamp(min=0)]
    return [codes.abs()]


def _blocks(placement: Placement, config: CrossbarConfig) -> list[_Block]:
    """Return the blocks of a placement as the tiled read groups them."""
    found = find_conversions(
        placement, analog_subtraction=config.adc is not None and config.adc.subtraction == "analog"
    )
    conversions = torch.bincount(found.block, minlength=len(found.block_tile)).tolist()
    lines = torch.cat([placement.row_index, placement.row_shift], 1)
    blocks = []
    for tile, number in zip(found.block_tile.tolist(), conversions, strict=True):
        used = placement.row_index[tile] >= 0
        blocks.append(
            _Block(
                inputs=placement.row_index[tile][used].to(torch.int64),
                shifts=placement.row_shift[tile][used],
                tiles=int((lines == lines[tile]).all(1).sum()),
                conversions=number,
            )
        )
    return blocks
