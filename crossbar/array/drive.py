"""What the word lines carry: from input codes to the pulses of every block of arrays that shares them.

Reads, converter calibration, event counts and known inputs all ask here. A block is a set of arrays, or operation units
of them, whose word lines carry the same inputs with the same shifts. An input code is raised by the offset of offset
inputs, split into a positive and a negative phase where phases are read apart, shifted as its row is, and cut into
pulses, least significant first. What no word line carries is 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from crossbar.converters import InputConfig, at_hand, cut_pulses
from mapping import Placement


@dataclass(frozen=True, kw_only=True)
class DriveSettings:
    """How codes become pulses, in plain numbers."""

    pulse_bits: int
    """Bits of one pulse; 0 where inputs are not quantised."""
    code_bits: int
    """Bits of the largest shifted code."""
    cycles: int
    """Pulses of the largest shifted code."""
    input_offset: int
    """Code added to every input, where negative inputs are offset."""
    two_phase: bool
    """Whether negative codes are read in a second phase."""
    bipolar: bool
    """Whether negative codes are driven as negative voltages."""


@dataclass(frozen=True, kw_only=True)
class WordLines:
    """The word lines of every block."""

    row_index: Tensor
    """Input of each word line, -1 for none, int64, (blocks, rows)."""
    row_shift: Tensor
    """Its power-of-two shift, int64, (blocks, rows)."""


@dataclass(frozen=True, kw_only=True)
class LineRun:
    """Neighbouring blocks that are driven alike, in plain numbers, so that a read branches on nothing in a tensor."""

    first: int
    """Number of the first block."""
    blocks: int
    """Number of blocks."""
    first_row: int
    """First row with a word line; those before are empty in every block of the run."""
    inputs: int | None
    """First input, where the word lines of all blocks carry inputs in ascending order; else None."""
    shifted: bool
    """Whether any word line shifts its input."""
    cycles: int
    """Pulses per code: a block is read for as many cycles as its largest shift asks for."""


def drive_settings(placement: Placement, inputs: InputConfig) -> DriveSettings:
    """Collect how the inputs of a placement are driven."""
    extra_bits = placement.largest_shift
    return DriveSettings(
        pulse_bits=inputs.pulse_bits or 0,
        code_bits=(inputs.bits or 0) + extra_bits,
        cycles=inputs.cycles(extra_bits),
        input_offset=inputs.offset_code,
        two_phase=inputs.negative == "two_phase",
        bipolar=inputs.negative == "bipolar",
    )


def word_lines(placement: Placement, block_tile: Tensor) -> WordLines:
    """Return the word lines of the blocks that the tiles `block_tile` (blocks,) stand for."""
    return WordLines(
        row_index=placement.row_index[block_tile].to(torch.int64),
        row_shift=placement.row_shift[block_tile].to(torch.int64),
    )


def describe_lines(lines: WordLines, inputs: InputConfig) -> list[LineRun]:
    """Describe every block by itself."""
    rows = lines.row_index.shape[1]
    used = lines.row_index >= 0
    first_rows = torch.where(used.any(1), used.int().argmax(1), max(rows - 1, 0)).tolist() if rows else []
    shifts = lines.row_shift.amax(1).tolist() if rows else []
    return [
        LineRun(
            first=block,
            blocks=1,
            first_row=first,
            inputs=ascending_from(lines.row_index[block, first:]),
            shifted=shift > 0,
            cycles=inputs.cycles(shift),
        )
        for block, (first, shift) in enumerate(zip(first_rows, shifts, strict=True))
    ]


def phases(codes: Tensor, settings: DriveSettings) -> list[tuple[float, Tensor]]:
    """Return the codes driven in each phase, as integers where they are cut into pulses, and the sign of the phase."""

    def driven(values: Tensor) -> Tensor:
        """Return codes in the type in which they are cut into pulses."""
        if settings.cycles == 1 or settings.bipolar:
            return values
        return values.to(torch.uint8 if settings.code_bits <= 8 else torch.int32)

    if codes.dtype == torch.uint8:  # which has no negative codes
        return [(1.0, codes)]
    if settings.input_offset:
        return [(1.0, driven(codes + settings.input_offset))]
    # Whether there are negative codes is worth a look only where it needs no waiting.
    if settings.two_phase and codes.numel() and (not at_hand(codes) or float(codes.amin()) < 0):
        return [(1.0, driven(codes.clamp(min=0))), (-1.0, driven(codes.neg().clamp_(min=0)))]
    return [(1.0, driven(codes))]


def driven_codes(codes: Tensor, lines: WordLines, run: LineRun) -> Tensor:
    """Return the codes on the word lines of each block, shifted as the rows are: (blocks, rows from `first_row`, vectors).

    What stands in rows without a word line means nothing.
    """
    index = lines.row_index[run.first : run.first + run.blocks, run.first_row :]
    blocks, rows = index.shape
    if run.inputs is not None:
        driven = codes[run.inputs : run.inputs + blocks * rows].contiguous().view(blocks, rows, -1)
    else:
        driven = codes[index.flatten().clamp(min=0)].view(blocks, rows, -1)
    if not run.shifted:
        return driven
    shift = lines.row_shift[run.first : run.first + run.blocks, run.first_row :, None]
    return driven * 2.0**shift if driven.is_floating_point() else driven.to(torch.int32) << shift.to(torch.int32)


def block_codes(codes: Tensor, lines: WordLines, run: LineRun, block: int) -> Tensor:
    """Return the codes (vectors, inputs) on the word lines of one block of a run: (vectors, rows from `first_row`).

    What stands in rows without a word line means nothing.
    """
    index = lines.row_index[run.first + block, run.first_row :]
    if run.inputs is not None:
        first = run.inputs + block * len(index)
        driven = codes[:, first : first + len(index)].contiguous()
    else:
        driven = codes.index_select(1, index.clamp(min=0))
    if not run.shifted:
        return driven
    shift = lines.row_shift[run.first + block, run.first_row :]
    return driven * 2.0**shift if driven.is_floating_point() else driven.to(torch.int32) << shift.to(torch.int32)


def pulses(driven: Tensor, run: LineRun, settings: DriveSettings, dtype: torch.dtype) -> Tensor:
    """Split codes (blocks, rows, vectors) into the pulses of all cycles, (blocks, rows, cycles * vectors)."""
    if run.cycles == 1:
        return driven.to(dtype)
    whole = driven.abs().to(torch.int32) if settings.bipolar else driven
    drive = cut_pulses(whole, run.cycles, settings.pulse_bits, dim=2).to(dtype)  # (blocks, rows, cycles, vectors)
    if settings.bipolar:
        drive *= driven.sign().to(dtype)[:, :, None, :]
    return drive.flatten(2)


def block_pulses(codes: Tensor, placement: Placement, inputs: InputConfig, tile: int) -> Iterator[Tensor]:
    """Yield the pulses on the word lines of one block, phase by phase, (rows, cycles, vectors); 0 where no line is.

    Parameters
    ----------
    codes
        Integer input codes as floating point, (inputs, vectors).
    placement
        Where the cells are; operation units as tiles of their own.
    inputs
        How codes become pulses.
    tile
        A tile of the block.
    """
    settings = drive_settings(placement, inputs)
    lines = word_lines(placement, torch.tensor([tile], device=placement.row_index.device))
    run = describe_lines(lines, inputs)[0]
    absent = (lines.row_index[0, run.first_row :] < 0)[:, None, None]
    for _, phase in phases(codes, settings):
        drive = pulses(driven_codes(phase, lines, run), run, settings, codes.dtype)[0]
        drive = drive.view(len(drive), run.cycles, -1).masked_fill(absent, 0)
        yield F.pad(drive, (0, 0, 0, 0, run.first_row, 0))


def code_limits(inputs: InputConfig) -> tuple[float, float]:
    """Return the input codes that drive a word line not at all and as long or high as one phase can."""
    if inputs.bits is None:
        return 0.0, 1.0
    return float(-inputs.offset_code), float(2**inputs.bits - 1 - inputs.offset_code)


def ascending_from(values: Tensor) -> int | None:
    """Return the first of `values` if all of them, in order, count upwards by one."""
    flat = values.flatten()
    if not len(flat):
        return None
    first = int(flat[0])
    expected = torch.arange(first, first + len(flat), device=flat.device)
    return first if first >= 0 and torch.equal(flat.to(torch.int64), expected) else None
