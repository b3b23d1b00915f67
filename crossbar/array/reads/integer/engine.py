"""Cells on their levels, read in bytes: the codes of a tiled read at a fraction of its work in memory.

Pulses stand as rows and bit lines as columns, and what a product writes are codes of one byte. They are shifted and added
over the cycles in 16 bits as far as those hold the sums.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from crossbar.array.drive import block_codes, phases
from crossbar.array.reads.integer.converted_product import converted_product, pack_levels
from crossbar.array.reads.tiled.engine import WORTH_SKIPPING, ReadSettings
from crossbar.array.reads.tiled.tables import BlockRun, ReadTables
from crossbar.converters import cut_pulses

_SHORT = 2**15 - 1
"""Largest number of 16 bits."""
_COLUMNS = 16
"""Conversions that a product writes at a time."""
_BYTE = 127
"""Largest code of either sign that a byte holds; without a sign it holds twice that and one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PackedRun:
    """The levels of a run of blocks, as their product takes them."""

    run: BlockRun
    levels: tuple[Tensor, ...]
    """Of each block; where level 0 conducts, a last conversion counts the driven word lines."""
    units: tuple[Tensor, ...]
    """What a level is worth [codes], of each block, (conversions,)."""


def pack_runs(tables: ReadTables, runs: tuple[BlockRun, ...]) -> tuple[PackedRun, ...]:
    """Lay the levels of every block out for `read_bytes`."""
    return tuple(_packed_run(tables, run) for run in runs)


def fits_bytes(tables: ReadTables, settings: ReadSettings) -> bool:
    """Return whether levels, pulses and codes are bytes."""
    if tables.unit is None or tables.unit.dtype != torch.float32:
        return False
    if tables.matrix.dtype != torch.int8 or tables.in_digits:
        return False
    if not tables.matrix.is_cpu:
        return False
    largest = _BYTE if settings.signed else 2 * _BYTE + 1
    return 0 < settings.highest <= largest and not settings.drive.bipolar


def read_bytes(codes: Tensor, tables: ReadTables, packed: tuple[PackedRun, ...], settings: ReadSettings) -> Tensor:
    """Read all tiles for a batch of input codes (vectors, inputs) as `read_tiles` does: (vectors, sums)."""
    result = tables.factor.new_zeros(len(codes), settings.sums)
    for sign, phase in phases(codes, settings.drive):
        for one in packed:
            widest = max(one.run.conversions, one.run.lines.cycles * tables.row_index.shape[1] // 4)
            vectors = max(1, settings.chunk // max(1, widest))
            for start in range(0, len(codes), vectors):
                part = slice(start, start + vectors)
                _read_run(phase[part], tables, one, settings, result[part], sign)
    return result


def _packed_run(tables: ReadTables, run: BlockRun) -> PackedRun:
    levels, units = [], []
    for block in range(run.lines.blocks):
        conversions = _conversions(run, block)
        matrix, unit = tables.matrix[conversions, run.lines.first_row :], _unit(tables)[conversions]
        if tables.lowest is not None:
            lines = tables.row_index[run.lines.first + block, run.lines.first_row :] >= 0
            unused = -(len(matrix) + 1) % _COLUMNS
            matrix = torch.cat([matrix, matrix.new_zeros(unused, matrix.shape[1]), lines[None].to(matrix.dtype)])
            unit = torch.cat([unit, unit.new_zeros(unused), unit.new_ones(1)])
        levels.append(pack_levels(matrix.contiguous()))
        units.append(unit.contiguous())
    return PackedRun(run=run, levels=tuple(levels), units=tuple(units))


def _unit(tables: ReadTables) -> Tensor:
    if tables.unit is None:
        raise ValueError("Cells that are not on their levels have no unit. Use `read_tiles`.")
    return tables.unit


def _conversions(run: BlockRun, block: int) -> slice:
    """Return the conversions of one block of a run."""
    first = run.first + block * run.conversions
    return slice(first, first + run.conversions)


def _read_run(
    codes: Tensor, tables: ReadTables, packed: PackedRun, settings: ReadSettings, result: Tensor, sign: float
) -> None:
    """Read a run of blocks for codes (vectors, inputs) and add what it gives to `result` (vectors, outputs)."""
    run = packed.run
    driven = [block_codes(codes, tables.lines, run.lines, block) for block in range(run.lines.blocks)]
    if run.lines.blocks == 1:
        active = driven[0].any(1)
        number = int(active.sum())
        if number == 0:
            return
        if number <= WORTH_SKIPPING * len(codes):
            chosen = active.nonzero()[:, 0]
            part = result.new_zeros(number, result.shape[1])
            _add_to_outputs([_total(driven[0][chosen], tables, packed, 0, settings)], tables, run, part, sign)
            result.index_add_(0, chosen, part)
            return
    totals = [_total(one, tables, packed, block, settings) for block, one in enumerate(driven)]
    _add_to_outputs(totals, tables, run, result, sign)


def _total(driven: Tensor, tables: ReadTables, packed: PackedRun, block: int, settings: ReadSettings) -> Tensor:
    """Drive codes (vectors, rows) of one block, convert, shift and add: float32, (vectors, conversions)."""
    run, levels = packed.run, packed.levels[block]
    cycles, bits = run.lines.cycles, settings.drive.pulse_bits
    pulses = cut_pulses(driven, cycles, bits, dim=1) if cycles > 1 else driven[:, None]  # (vectors, cycles, rows)
    pulses = pulses.to(torch.uint8)
    kind = torch.int8 if settings.signed else torch.uint8
    kind = kind if tables.lowest is None else torch.float32
    totals = []
    for part in torch.split(pulses, max(1, settings.chunk // (cycles * max(1, run.conversions)))):
        codes = converted_product(part.flatten(0, 1), levels, packed.units[block], kind)
        if tables.lowest is not None:
            _convert(codes, tables.lowest[_conversions(run, block)], run, settings)
        elif settings.clips:
            codes.clamp_(-settings.highest if settings.signed else 0, settings.highest)
        totals.append(_over_cycles(codes.view(len(part), cycles, -1), bits, settings.highest))
    return (totals[0] if len(totals) == 1 else torch.cat(totals))[:, : run.conversions]


def _convert(sums: Tensor, lowest: Tensor, run: BlockRun, settings: ReadSettings) -> None:
    """Add what level 0 gives to sums (vectors, conversions and driven word lines) in units of codes, and convert."""
    driven = sums[:, -1:].clone()
    if run.common_lowest:
        sums += lowest[:1] * driven
    else:
        sums[:, : len(lowest)] += lowest * driven
    sums.round_()
    if settings.clips:
        sums.clamp_(-settings.highest if settings.signed else 0, settings.highest)


def _over_cycles(codes: Tensor, pulse_bits: int, highest: int) -> Tensor:
    """Shift and add over the cycles: (vectors, cycles, conversions) -> float32, (vectors, conversions)."""
    together = 1
    while highest * (2 ** ((together + 1) * pulse_bits) - 1) // (2**pulse_bits - 1) <= _SHORT:
        together += 1
    by_cycle, kind = codes.unbind(1), codes.dtype if codes.is_floating_point() else torch.int16
    total = None
    for last in range(len(by_cycle), 0, -together):
        first = max(0, last - together)
        part = by_cycle[last - 1].to(kind)
        for cycle in range(last - 2, first - 1, -1):
            part = torch.add(by_cycle[cycle].to(kind), part, alpha=2**pulse_bits)
        part = part.float()
        total = part if total is None else torch.add(part, total, alpha=2 ** (pulse_bits * (last - first)))
    return codes.new_zeros(codes.shape[0], codes.shape[2]).float() if total is None else total


def _add_to_outputs(totals: list[Tensor], tables: ReadTables, run: BlockRun, result: Tensor, sign: float) -> None:
    """Add (vectors, conversions) of each block, times the worth of each conversion, to `result` (vectors, outputs)."""
    for start, stop, first in run.segments:
        for block, total in enumerate(totals):
            offset = _conversions(run, block).start
            worth, part = tables.factor[offset + start : offset + stop], total[:, start:stop]
            if first is not None:
                there = first + block * (stop - start)
                result[:, there : there + stop - start].addcmul_(part, worth, value=sign)
            else:
                output = tables.output[offset + start : offset + stop]
                result.index_add_(1, output, part * worth, alpha=sign)
