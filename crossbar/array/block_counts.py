"""What every block of word lines is driven with, over many input vectors: pulses, cycles and second moments."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from crossbar.array.drive import (
    DriveSettings,
    LineRun,
    WordLines,
    describe_lines,
    drive_settings,
    driven_codes,
    phases,
    pulses,
    word_lines,
)

if TYPE_CHECKING:
    from crossbar.array.crossbar_array import CrossbarArray

_CHUNK = 2**20
"""Pulses of a block held at a time: they stay in cache."""
_LONGEST = 2**16
"""Pulses of a row summed at a time: squares of one byte that 32 bits hold."""


@dataclass(kw_only=True, eq=False)
class BlockCounts:
    """Sums over all vectors and phases read so far; (blocks,) each, in the order of the array's conversions."""

    cycles: Tensor
    """Input cycles, int64."""
    active: Tensor
    """Of those, cycles with a pulse on some row, int64."""
    pulses: Tensor
    """Pulses that are not zero, int64."""
    moments: Tensor | None
    """Second moments of the pulses, float64, (blocks, rows, rows) [pulse units^2]; None where they are not counted."""
    reads: int = 0
    """Vectors times phases."""
    vectors: int = 0
    """Vectors."""


@torch.no_grad()
def count_blocks(
    array: "CrossbarArray", codes: Tensor, counts: BlockCounts | None = None, *, moments: bool = False
) -> BlockCounts:
    """Count what reading codes drives, exactly as the drive says.

    Parameters
    ----------
    array
        Programmed arrays.
    codes
        Input codes, (vectors, inputs).
    counts
        Sums so far, which are added to. Default: new ones.
    moments
        Whether new sums have second moments.
    """
    placement, inputs = array.read_placement, array.config.inputs
    lines = word_lines(placement, array.conversions().block_tile)
    blocks, rows = lines.row_index.shape
    if counts is None:
        none = torch.zeros(3, blocks, dtype=torch.int64, device=codes.device)
        sums = torch.zeros(blocks, rows, rows, dtype=torch.float64, device=codes.device) if moments else None
        counts = BlockCounts(cycles=none[0], active=none[1], pulses=none[2], moments=sums)
    settings, runs = drive_settings(placement, inputs), describe_lines(lines, inputs)
    driven = phases(codes.t(), settings)
    counts.reads += len(driven) * len(codes)
    counts.vectors += len(codes)
    for _, phase in driven:
        for block, run in enumerate(runs):
            _count_block(phase, lines, run, settings, counts, block)
    return counts


def _count_block(
    phase: Tensor, lines: WordLines, run: LineRun, settings: DriveSettings, counts: BlockCounts, block: int
) -> None:
    """Add one block of one phase (inputs, vectors)."""
    absent = (lines.row_index[block, run.first_row :] < 0)[None, :, None]
    any_absent = bool(absent.any())
    rows = absent.shape[1]
    number = max(1, min(_CHUNK // max(1, rows), _LONGEST) // run.cycles)
    counts.cycles[block] += phase.shape[1] * run.cycles
    for start in range(0, phase.shape[1], number):
        driven = driven_codes(phase[:, start : start + number], lines, run)
        if any_absent:
            driven = driven.masked_fill(absent, 0)
        counts.active[block] += _active_cycles(driven[0], run, settings)
        if counts.moments is None:
            counts.pulses[block] += _nonzero(driven[0], run, settings)
            continue
        square = _second_moments(driven, run, settings)
        counts.moments[block, run.first_row :, run.first_row :] += square
        ones = settings.pulse_bits == 1 and run.cycles > 1
        counts.pulses[block] += square.diagonal().sum().to(torch.int64) if ones else _nonzero(driven[0], run, settings)


def _second_moments(driven: Tensor, run: LineRun, settings: DriveSettings) -> Tensor:
    """Return the sum over cycles and vectors of `p p^T` of the pulses of (1, rows, vectors), (rows, rows)."""
    largest = 7 if settings.bipolar else 8  # a code without sign has 8 bits beside others with one
    if driven.device.type != "cpu" or not 1 <= settings.pulse_bits <= largest:
        drive = pulses(driven, run, settings, torch.float64)[0]
        return drive @ drive.t()
    # Integers of one byte multiply several times faster than floating point, and exactly; eight bits fit shifted by half.
    middle = 128 if settings.pulse_bits == 8 else 0
    wide = torch.float32 if settings.bipolar else torch.int16 if middle else torch.int8
    drive = pulses(driven, run, settings, wide)[0]  # (rows, cycles * vectors)
    shifted = (drive - middle if middle else drive).to(torch.int8)
    square: Tensor = torch._int_mm(shifted, shifted.t())
    if not middle:
        return square
    sums = shifted.sum(1, dtype=torch.int64) * middle
    return square + sums[:, None] + sums + middle * middle * drive.shape[1]


def _active_cycles(driven: Tensor, run: LineRun, settings: DriveSettings) -> Tensor:
    """Return in how many cycles any row of (rows, vectors) has a pulse."""
    if run.cycles == 1:
        return driven.any(0).sum()
    return _digits_that_are(_united(_whole(driven)), run, settings)


def _nonzero(driven: Tensor, run: LineRun, settings: DriveSettings) -> Tensor:
    """Return the pulses of (rows, vectors) that are not zero."""
    if run.cycles == 1:
        return driven.count_nonzero()
    return _digits_that_are(_whole(driven), run, settings)


def _digits_that_are(codes: Tensor, run: LineRun, settings: DriveSettings) -> Tensor:
    """Return how many pulses of integer codes are not zero, over all cycles."""
    shifts = torch.arange(run.cycles, device=codes.device, dtype=codes.dtype) * settings.pulse_bits
    digits = (codes[..., None, :] >> shifts[:, None]) & ((1 << settings.pulse_bits) - 1)
    return digits.count_nonzero()


def _whole(driven: Tensor) -> Tensor:
    return driven.abs().to(torch.int32) if driven.is_floating_point() else driven


def _united(codes: Tensor) -> Tensor:
    """Return the bitwise or over the rows of (rows, vectors): its digits are zero where all digits are."""
    while len(codes) > 1:
        half = len(codes) // 2
        joined = codes[:half] | codes[half : 2 * half]
        codes = joined if len(codes) % 2 == 0 else torch.cat([joined, codes[-1:]])
    return codes
