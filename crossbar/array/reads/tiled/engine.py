"""The tiled plan: every tile, input cycle and slice is read and converted by itself.

The work is wide matrix products: for a chunk of input vectors, the pulses of all cycles stand side by side as columns, the
bit lines of all tiles that share word lines as rows. A chunk is so small that the product is converted, added up over
the cycles and sent to its outputs while it is still in the cache.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from crossbar.array.cell_curve import bend
from crossbar.array.converter_steps import adc_signed
from crossbar.array.drive import DriveSettings, drive_settings, driven_codes, phases, pulses
from crossbar.array.reads.tiled.digits import join_digits
from crossbar.array.reads.tiled.levels import WHOLE
from crossbar.array.reads.tiled.noise_variance import correlated, noise_variance
from crossbar.array.reads.tiled.product import product
from crossbar.array.reads.tiled.tables import BlockRun, ReadTables, may_clip
from crossbar.config import CrossbarConfig
from crossbar.converters import at_hand, highest_code
from mapping import Placement

_LONG = 128
"""Vectors from which shifted codes are added up by a product."""
WORTH_SKIPPING = 0.9
"""Share of driven vectors up to which reading them apart costs less than reading all."""


@dataclass(frozen=True, kw_only=True)
class ReadSettings:
    """What a tiled read knows beside its tables, in plain numbers."""

    sums: int
    """Outputs of the layer and, after them, its reference columns."""
    drive: DriveSettings
    """How codes become pulses."""
    highest: int
    """Largest ADC code; 0 without an ADC."""
    signed: bool
    """Whether the ADC has codes of both signs."""
    clips: bool
    """Whether currents can exceed the ADC range."""
    chunk: int
    """Numbers of one product held at a time."""


def read_settings(placement: Placement, config: CrossbarConfig, tables: ReadTables) -> ReadSettings:
    """Collect what a tiled read knows beside its tables."""
    signed = adc_signed(config, placement)
    highest = 0 if config.adc is None else highest_code(config.adc, signed=signed)
    return ReadSettings(
        sums=placement.outputs_and_references,
        drive=drive_settings(placement, config.inputs),
        highest=highest,
        signed=signed,
        clips=may_clip(tables, config, highest),
        chunk=config.chunk,
    )


Send = Callable[[Tensor, ReadTables, BlockRun], tuple[Tensor, Tensor | None]]
"""What pulses (blocks, rows, columns) send to the converters of a run, (blocks, conversions, columns), and how much of
that is read noise where one product gives both: its variance by the drive of each word line alone."""


def send_products(drive: Tensor, tables: ReadTables, run: BlockRun) -> tuple[Tensor, Tensor | None]:
    """Send pulses through the cells as products: (blocks, rows, columns) -> (blocks, conversions, columns)."""
    matrix = run.rows_of(tables.matrix)
    if tables.in_digits:
        return join_digits(product(matrix, drive), tables, run)
    if tables.worth is None or tables.bends is None:
        currents = product(matrix, drive)
        return (currents if tables.unit is None else _from_levels(currents, drive, tables, run)), None
    currents = product(matrix, bend(drive, tables.worth[0]))
    for worth, further in zip(tables.worth[1:-1], tables.bends, strict=True):
        currents += product(run.rows_of(further), bend(drive, worth))
    return currents, None


def read_tiles(
    codes: Tensor,
    tables: ReadTables,
    runs: tuple[BlockRun, ...],
    settings: ReadSettings,
    *,
    send: Send = send_products,
) -> Tensor:
    """Read all tiles for a batch of input codes, without gradients.

    Parameters
    ----------
    codes
        Integer input codes as floating point, (inputs, vectors).
    tables
        Transfer matrices and converters, conversion by conversion.
    runs
        The blocks of those tables.
    settings
        Pulses, converters and chunk.
    send
        How pulses become currents.

    Returns
    -------
    Tensor
        Outputs and reference columns in integer weight units, (sums, vectors).
    """
    result = tables.factor.new_zeros(settings.sums, codes.shape[1])
    vectors = vectors_at_a_time(tables, runs, settings)
    for sign, phase in phases(codes, settings.drive):
        for start in range(0, codes.shape[1], vectors):
            chunk, part = phase[:, start : start + vectors], result[:, start : start + vectors]
            for run in runs:
                _read_run(chunk, tables, run, settings, part, sign, send)
    return result


def vectors_at_a_time(tables: ReadTables, runs: tuple[BlockRun, ...], settings: ReadSettings) -> int:
    """Return how many input vectors make products of at most `settings.chunk` numbers."""
    rows = tables.row_index.shape[1]
    widest = max(
        (run.lines.cycles * run.lines.blocks * max(run.conversions, rows - run.lines.first_row) for run in runs),
        default=1,
    )
    return max(1, settings.chunk // widest)


def _read_run(
    codes: Tensor, tables: ReadTables, run: BlockRun, settings: ReadSettings, result: Tensor, sign: float, send: Send
) -> None:
    """Read a run of blocks for one chunk (inputs, vectors) and add what it gives to `result` (outputs, vectors).

    A vector that drives none of the word lines of a block is not read there: it gives no current, no noise, and no code.
    Where it would take waiting to know, it is read, and gives nothing.
    """
    driven = driven_codes(codes, tables.lines, run.lines)
    active = driven.any(1)  # (blocks, vectors)
    if not at_hand(active):
        _read_driven(driven, active, tables, run, settings, result, sign, send)
        return
    number = int(active.sum())
    if number == 0:
        return
    if run.lines.blocks == 1 and number <= WORTH_SKIPPING * active.shape[1]:
        chosen = active[0].nonzero()[:, 0]
        part = result.new_zeros(len(result), number)
        _read_driven(driven[:, :, chosen], None, tables, run, settings, part, sign, send)
        result.index_add_(1, chosen, part)
        return
    _read_driven(driven, None if number == active.numel() else active, tables, run, settings, result, sign, send)


def _read_driven(
    driven: Tensor,
    active: Tensor | None,
    tables: ReadTables,
    run: BlockRun,
    settings: ReadSettings,
    result: Tensor,
    sign: float,
    send: Send,
) -> None:
    """Drive codes (blocks, rows, vectors), convert, and add the vectors that are `active` to `result`."""
    drive = pulses(driven, run.lines, settings.drive, tables.matrix.dtype)  # (blocks, rows, cycles * vectors)
    currents, variance = send(drive, tables, run)  # (blocks, conversions, cycles * vectors)
    bits = settings.drive.pulse_bits == 1 and not settings.drive.bipolar
    variance = noise_variance(currents, variance, drive, tables, run, bits=bits)
    if variance is not None:
        currents.addcmul_(variance.sqrt_(), correlated(torch.randn_like(variance), tables, run))
    convert_and_add(currents, active, tables, run, settings, result, sign)


def convert_and_add(
    currents: Tensor,
    active: Tensor | None,
    tables: ReadTables,
    run: BlockRun,
    settings: ReadSettings,
    result: Tensor,
    sign: float,
) -> None:
    """Convert currents (blocks, conversions, cycles * vectors), in place, and add the vectors that are `active`."""
    blocks, cycles = run.lines.blocks, run.lines.cycles
    if settings.highest:
        _convert(currents, tables, run.conversion_slice, settings)
    total = _over_cycles(currents.view(*currents.shape[:2], cycles, -1), settings.drive.pulse_bits, settings.highest)
    if active is not None and tables.adc_offset is not None:
        total = total * active[:, None, :]
    factor = tables.factor[run.conversion_slice].view(blocks, run.conversions, 1)
    _add_to_outputs(total, factor, run, tables, result, sign)


def _from_levels(sums: Tensor, drive: Tensor, tables: ReadTables, run: BlockRun) -> Tensor:
    """Give sums of levels (blocks, conversions, columns), of pulses (blocks, rows, columns), their unit.

    A fused multiply-add would round once or twice by where in a row a number stands, so there is none.
    """
    unit, lowest = tables.unit, tables.lowest
    if unit is None:
        return sums
    shape = (run.lines.blocks, run.conversions, 1)
    currents = sums.to(unit.dtype).mul_(unit[run.conversion_slice].view(shape))
    if lowest is None:
        return currents
    lines = tables.row_index[run.lines.first : run.lines.first + run.lines.blocks, None, run.lines.first_row :]
    driven = product((lines >= 0).to(drive.dtype), drive).to(unit.dtype)  # (blocks, 1, columns)
    worth = lowest[run.conversion_slice].view(shape)
    return currents.add_((worth[:, :1] if run.common_lowest else worth) * driven)


def _convert(currents: Tensor, tables: ReadTables, conversions: slice, settings: ReadSettings) -> None:
    """Turn currents, in units of the ADC step, into codes, in place: (blocks, conversions, cycles * vectors)."""
    shape = (*currents.shape[:2], 1)
    if tables.adc_bow is not None:
        reach = (currents / settings.highest).clamp_(-1, 1)
        currents.addcmul_(tables.adc_bow[conversions].view(shape), 4 * reach * (1 - reach.abs()))
    if tables.adc_offset is not None:
        currents += tables.adc_offset[conversions].view(shape)
    currents.round_()
    if settings.clips:
        currents.clamp_(-settings.highest if settings.signed else 0, settings.highest)


def _over_cycles(codes: Tensor, pulse_bits: int, highest: int) -> Tensor:
    """Shift and add over the cycles: (blocks, conversions, cycles, vectors) -> (blocks, conversions, vectors)."""
    cycles = codes.shape[2]
    # Exact in any order; one product for every conversion, so many short ones would cost more than they save.
    if cycles > 1 and codes.shape[3] >= _LONG and 0 < highest * 2 ** (cycles * pulse_bits) < WHOLE:
        worth = torch.arange(0, cycles * pulse_bits, pulse_bits, device=codes.device).to(codes.dtype).exp2_()
        return torch.matmul(worth, codes)
    total = codes[:, :, -1]
    for cycle in range(cycles - 2, -1, -1):
        total = torch.add(codes[:, :, cycle], total, alpha=2**pulse_bits)
    return total


def _add_to_outputs(
    total: Tensor, factor: Tensor, run: BlockRun, tables: ReadTables, result: Tensor, sign: float
) -> None:
    """Add (blocks, conversions, vectors), times the worth of each conversion, to `result` (outputs, vectors)."""
    for start, stop, first in run.segments:
        part, worth = total[:, start:stop], factor[:, start:stop]
        if first is not None:
            result[first : first + part.shape[0] * part.shape[1]].addcmul_(
                part.flatten(0, 1), worth.flatten(0, 1), value=sign
            )
            continue
        for block in range(run.lines.blocks):
            offset = run.first + block * run.conversions
            output = tables.output[offset + start : offset + stop]
            result.index_add_(0, output, part[block] * worth[block], alpha=sign)
