"""What a tiled read needs, laid out for wide matrix products."""

import itertools
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from crossbar.array.collapse import column_factor
from crossbar.array.conversions import Conversions, currents_of
from crossbar.array.drive import LineRun, WordLines, ascending_from, describe_lines, word_lines
from crossbar.array.reads.tiled.levels import level_sums
from crossbar.array.reads.tiled.noise_tables import noise_tables
from crossbar.array.solved import SolvedArrays
from crossbar.config import CrossbarConfig
from crossbar.converters import InputConfig

_SMALL_BLOCK = 4096
"""Cells below which blocks are read together: one product of many small blocks, but of few large ones."""


@dataclass(frozen=True, kw_only=True)
class ReadTables:
    """One row per conversion, in units of the ADC step where there is an ADC, else of siemens.

    Where cells are on their levels, whole numbers are summed and only then given a unit: sums of whole numbers are exact
    in any order, so that a current between two codes becomes the same code whatever the batch, chunk or threads.
    """

    matrix: Tensor
    """Transfer matrices, transposed, with the sign of their word lines, (conversions, rows); 0 where no word line is.
    Where there is a `unit`, levels, as floating point or int8; or digits of whole numbers, (conversions, digits, rows)."""
    variance: Tensor | None
    """Read-noise variance of their entries in the type of `variance_type`, (conversions, rows), or None."""
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
    rise: Tensor | None = None
    """What a current takes of the variance by the rise of its bit line, (lines of a conversion, conversions, rows)."""
    rise_square: Tensor | None = None
    """What it adds by its square, (lines of a conversion, conversions)."""
    partner: Tensor | None = None
    """Transfer matrices of the bit lines that are subtracted, in the type of the variance, (conversions, rows)."""
    falls: Tensor | None = None
    """The last three in one for pulses of one bit, as `NoiseTables.falls`, (2 or 3, conversions)."""
    together: Tensor | None = None
    """What noise of conversions of an array has in common, as `NoiseTables.together`, (conversions, arrays of a block)."""
    unit: Tensor | None = None
    """What one is worth, (conversions,), where the matrix holds whole numbers."""
    variance_unit: Tensor | None = None
    """What one is worth of the variance whose digits follow those of the matrix, (conversions,), in place of `variance`."""
    lowest: Tensor | None = None
    """What level 0 is worth on every driven word line, (conversions,); None: nothing."""
    worth: Tensor | None = None
    """What pulses from 0 on are worth to the matrix and to those of `bends`, where cells are not ohmic, and last to the
    square root of their variance, (bends + 2, pulses)."""
    bends: Tensor | None = None
    """Further matrices of cells that are not ohmic, (bends, conversions, rows)."""

    @property
    def in_digits(self) -> bool:
        """Whether the matrix holds digits."""
        return self.matrix.ndim == 3

    @property
    def lines(self) -> WordLines:
        """The word lines, as the drive knows them."""
        return WordLines(row_index=self.row_index, row_shift=self.row_shift)


@dataclass(frozen=True, kw_only=True)
class BlockRun:
    """Neighbouring blocks of one shape, read together."""

    lines: LineRun
    """Their word lines."""
    first: int
    """First conversion."""
    conversions: int
    """Conversions of one block."""
    segments: tuple[tuple[int, int, int | None], ...]
    """Ranges of conversions within a block and the first output they feed, where those ascend; else None."""
    common_lowest: bool = False
    """Whether level 0 is worth the same on all bit lines of a block."""

    @property
    def conversion_slice(self) -> slice:
        """The conversions of all blocks."""
        return slice(self.first, self.first + self.lines.blocks * self.conversions)

    def rows_of(self, values: Tensor) -> Tensor:
        """Return a table's part of this run, (blocks, conversions [x digits], rows with a word line)."""
        part = values[self.conversion_slice]
        return part.view(self.lines.blocks, -1, part.shape[-1])[:, :, self.lines.first_row :]


def read_tables(
    solved: SolvedArrays, found: Conversions, steps: Tensor | None, *, spread: bool = True
) -> tuple[ReadTables, tuple[BlockRun, ...]]:
    """Lay the bit lines of solved arrays out, block by block.

    Parameters
    ----------
    solved
        Transfer matrices and what else a read depends on.
    found
        Their conversions.
    steps
        Current of one ADC code [S x pulse units], (tiles, cols), or None without an ADC.
    spread
        Whether reads draw fresh noise by its variance.
    """
    placement, config = solved.placement, solved.config
    sums = None if steps is None else level_sums(solved, found)
    matrix = currents_of(solved.signed_transfer, found) if sums is None else sums.levels
    unit = lowest = worth = bends = None
    in_codes = codes_per_siemens(solved, found, steps)
    if solved.curve is not None:
        worth = torch.cat([solved.curve.worth, solved.curve.mean_worth(solved.transfer)[None]])
        bends = matrix.new_zeros(len(worth) - 2, *matrix.shape)
        for bend, transfer in zip(bends, solved.signed_bends, strict=True):
            bend.copy_(currents_of(transfer, found))
        bends *= in_codes[:, None]
    factor = column_factor(placement, config.device, gain=solved.gain).flatten()[found.column]
    offset = bow = None
    if steps is not None:
        factor = factor * steps.flatten()[found.column]
        if solved.converter_errors is not None:
            _, offset, bow = solved.converter_errors.flatten(1)[:, found.column]
        if sums is None:
            matrix = matrix * in_codes[:, None]
        else:
            unit = sums.step * in_codes
            lowest = None if sums.lowest is None else sums.lowest * in_codes
    noise = noise_tables(solved, found, in_codes[:, None]) if spread else None
    lines = word_lines(placement, found.block_tile)
    tables = ReadTables(
        matrix=matrix,
        variance=None if noise is None else noise.variance,
        rise=None if noise is None else noise.rise,
        rise_square=None if noise is None else noise.rise_square,
        partner=None if noise is None else noise.partner,
        falls=None if noise is None else noise.falls,
        together=None if noise is None else noise.together,
        output=found.output,
        factor=factor,
        adc_offset=offset,
        adc_bow=bow,
        row_index=lines.row_index,
        row_shift=lines.row_shift,
        unit=unit,
        lowest=lowest,
        worth=worth,
        bends=bends,
    )
    runs = find_runs(found.per_block(), found.output, lines, config.inputs)
    if lowest is not None:
        runs = tuple(replace(run, common_lowest=_common(lowest, run)) for run in runs)
    return tables, runs


def codes_per_siemens(solved: SolvedArrays, found: Conversions, steps: Tensor | None) -> Tensor:
    """Return how many codes a siemens times pulse unit is to each converter, (conversions,); 1 without steps (tiles, cols).

    A line that cannot carry a current has no step: its codes are worth nothing, and it gives none but its offset.
    """
    if steps is None:
        return solved.transfer.new_ones(len(found.column))
    step = steps.flatten()[found.column]
    gain = torch.ones_like(step)
    if solved.converter_errors is not None:
        gain = 1 + solved.converter_errors[0].flatten()[found.column]
    return torch.where(step > 0, gain / step, 0)


def _common(values: Tensor, run: BlockRun) -> bool:
    """Return whether values (conversions,) are the same on all bit lines of each block of a run."""
    blocks = run.lines.blocks
    own = values[run.first : run.first + blocks * run.conversions].view(blocks, run.conversions)
    return torch.equal(own, own[:, :1].expand_as(own))


def may_clip(tables: ReadTables, config: CrossbarConfig, highest: int) -> bool:
    """Return whether any input can drive a converter beyond its range, so that reads have to clip."""
    if config.adc is None or config.inputs.pulse_bits is None:
        return False
    if tables.variance is not None or tables.adc_offset is not None or tables.worth is not None:
        return True
    if not len(tables.matrix):
        return False
    reach = tables.matrix.abs().sum(1)
    if tables.unit is not None:
        reach = reach * tables.unit
    if tables.lowest is not None:
        reach = reach + tables.lowest * tables.matrix.shape[1]
    largest = float(reach.max()) * int(2**config.inputs.pulse_bits - 1)
    return largest > highest + 0.49


def find_runs(counts: Tensor, output: Tensor, lines: WordLines, inputs: InputConfig) -> tuple[BlockRun, ...]:
    """Join neighbouring blocks that are small and alike, so that they are read together.

    Parameters
    ----------
    counts
        Conversions of each block, (blocks,).
    output
        Output of each conversion, (conversions,).
    lines
        Word lines of each block.
    inputs
        How codes become pulses.
    """
    blocks, rows = describe_lines(lines, inputs), lines.row_index.shape[1]
    conversions: list[int] = counts.tolist()
    outputs = torch.split(output, conversions)
    runs: list[BlockRun] = []
    start = block = 0
    while block < len(blocks):
        number = _alike(blocks, conversions, block, rows)
        joined = blocks[block : block + number]
        first_row = joined[0].first_row
        run = replace(
            joined[0],
            blocks=number,
            inputs=ascending_from(lines.row_index[block : block + number, first_row:]),
            shifted=any(one.shifted for one in joined),
        )
        segments = _segments(torch.stack(outputs[block : block + number]))
        if conversions[block]:  # word lines of a shared array may hold no bit line, that of a group without a one
            runs.append(BlockRun(lines=run, first=start, conversions=conversions[block], segments=segments))
        start += number * conversions[block]
        block += number
    return tuple(runs)


def _alike(blocks: list[LineRun], conversions: list[int], block: int, rows: int) -> int:
    """Return how many blocks from `block` on can be read together."""

    def shape(number: int) -> tuple[int, int, int]:
        return conversions[number], blocks[number].first_row, blocks[number].cycles

    if conversions[block] * (rows - blocks[block].first_row) > _SMALL_BLOCK:
        return 1
    number = 1
    while block + number < len(blocks) and shape(block + number) == shape(block):
        number += 1
    return number


def _segments(outputs: Tensor) -> tuple[tuple[int, int, int | None], ...]:
    """Cut the conversions of a run, feeding `outputs` (blocks, conversions), where their outputs start again."""
    conversions = outputs.shape[1]
    if conversions == 0:
        return ()
    cuts = [0, *(torch.nonzero(outputs[0].diff() != 1)[:, 0] + 1).tolist(), conversions]
    return tuple((start, stop, ascending_from(outputs[:, start:stop])) for start, stop in itertools.pairwise(cuts))
