"""Real conductances as whole numbers of three signed bytes: products of pulses with them are exact, and faster.

A pulse is a whole number, so only what it meets has to be cut. Currents are whole numbers of 32 bits, the same whatever the
batch, chunk or threads; what is lost is what a conductance is rounded by, once: 2^-24 of the largest of its bit line, more
where 256 times the largest pulse are not enough for all rows, but never more than 3e-7 of the largest sum.
"""

import functools
from dataclasses import replace

import torch
from torch import Tensor

from crossbar.array.drive import DriveSettings
from crossbar.array.reads.tiled.product import multiplies_bytes
from crossbar.array.reads.tiled.tables import BlockRun, ReadTables

_DIGITS, _VARIANCE_DIGITS = 3, 2
_BASE = 256
_LARGEST_DIGIT = 127
_LARGEST_SUM = 2**31 - 2**24
_FEW_CELLS, _MANY_CELLS, _FEW_ROWS = 2**10, 2**14, 64
"""Cells of a block between which, and rows from which, products of bytes cost less than those in floating point: of small
blocks there is a batch of the latter, and large ones hardly notice what it costs to give pulses another type."""
_MANY_PULSES = 1024
"""Rows times the largest pulse above which sums of 32 bits leave conductances too few digits."""


def in_digits(tables: ReadTables, drive: DriveSettings) -> ReadTables:
    """Return tables whose matrices are digits, where the machine multiplies bytes fast and pulses are bytes.

    The variances of read noise come along where pulses of one bit are their own squares: 2^-15 of the largest of a bit
    line is what each of them is rounded to.
    """
    if tables.unit is not None or tables.worth is not None or not fast_bytes(tables.matrix):
        return tables
    (blocks, rows), largest_pulse = tables.row_index.shape, 2**drive.pulse_bits - 1
    if not 0 < rows * largest_pulse <= _MANY_PULSES or rows < _FEW_ROWS:
        return tables
    if not _FEW_CELLS * blocks <= tables.matrix.numel() <= _MANY_CELLS * blocks:
        return tables
    unit = _unit(tables.matrix, _DIGITS, largest_pulse)
    digits = _cut(tables.matrix, unit, _DIGITS)
    if tables.variance is None or drive.pulse_bits > 1 or drive.bipolar:
        return replace(tables, matrix=torch.stack(digits, 1), unit=unit)
    variance = tables.variance.to(unit.dtype)
    variance_unit = _unit(variance, _VARIANCE_DIGITS, largest_pulse)
    digits += _cut(variance, variance_unit, _VARIANCE_DIGITS)
    return replace(tables, matrix=torch.stack(digits, 1), unit=unit, variance=None, variance_unit=variance_unit)


def join_digits(sums: Tensor, tables: ReadTables, run: BlockRun) -> tuple[Tensor, Tensor | None]:
    """Return currents and, where their digits are there, variances: (blocks, conversions, columns).

    Parameters
    ----------
    sums
        Of the digits of all conversions, int32, (blocks, conversions * digits, columns).
    tables, run
        The conversions.
    """
    if tables.unit is None:
        raise ValueError("`tables` must hold digits and what they are worth. Use `in_digits`.")
    parts = sums.view(run.lines.blocks, run.conversions, -1, sums.shape[2]).unbind(2)
    currents = _join(parts[:_DIGITS], tables.unit, run)
    return currents, None if tables.variance_unit is None else _join(parts[_DIGITS:], tables.variance_unit, run)


def _unit(values: Tensor, digits: int, largest_pulse: int) -> Tensor:
    """Return what one is worth for each conversion, so that its values (conversions, rows) and all sums of them fit."""
    most = min(_LARGEST_DIGIT * _BASE ** (digits - 1), _LARGEST_SUM // (values.shape[1] * largest_pulse))
    unit = values.abs().amax(1) / most
    return torch.where(unit > 0, unit, 1)


def _cut(values: Tensor, unit: Tensor, digits: int) -> list[Tensor]:
    """Cut values (conversions, rows) into signed bytes, most significant first."""
    whole = (values / unit[:, None]).round_().to(torch.int32)
    found = []
    for _ in range(digits - 1):
        low = ((whole + _BASE // 2) & (_BASE - 1)) - _BASE // 2
        found.append(low.to(torch.int8))
        whole = (whole - low) >> 8
    return [whole.to(torch.int8), *reversed(found)]


def _join(parts: tuple[Tensor, ...], unit: Tensor, run: BlockRun) -> Tensor:
    """Return whole numbers times their unit, from digits (blocks, conversions, columns), which are changed."""
    whole = parts[0]
    for part in parts[1:]:
        whole = part.add_(whole, alpha=_BASE)
    return whole.to(unit.dtype).mul_(unit[run.conversion_slice].view(*whole.shape[:2], 1))


def fast_bytes(values: Tensor) -> bool:
    """Return whether products of bytes are faster than those of values of this type, here where they are."""
    return values.dtype == torch.float32 and values.is_cpu and _has_byte_products() and multiplies_bytes()


@functools.cache
def _has_byte_products() -> bool:
    """Return whether the CPU adds up products of bytes in one instruction."""
    # Private, and absent from older versions: what is not known to be there is not used.
    probe = getattr(torch.cpu, "_is_vnni_supported", None)
    return probe is not None and bool(probe())
