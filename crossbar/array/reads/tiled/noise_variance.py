"""The variance that fresh read noise gives the currents of a product."""

import torch
from torch import Tensor

from crossbar.array.cell_curve import bend
from crossbar.array.reads.tiled.product import product
from crossbar.array.reads.tiled.tables import BlockRun, ReadTables


def noise_variance(
    currents: Tensor, own: Tensor | None, drive: Tensor, tables: ReadTables, run: BlockRun, *, bits: bool
) -> Tensor | None:
    """Return the variance of currents (blocks, conversions, columns) of pulses (blocks, rows, columns), or None.

    Parameters
    ----------
    currents, own, drive
        What converters see without noise, the variance by the drive of each word line alone where it is known, and the
        pulses.
    tables, run
        The conversions.
    bits
        Whether pulses are 0 or 1, and so their own squares.
    """
    variance = (
        own if tables.variance is None else _of_squares(drive, tables.variance, tables, run, bits=bits).to(currents)
    )
    if variance is None:
        return None
    if tables.falls is not None:
        v, w, *u = tables.falls[:, run.conversion_slice].view(-1, *currents.shape[:2], 1)
        falls = currents * w
        if not u:
            return variance.addcmul_(currents, falls.addcmul_(variance, v)).clamp_(min=0)
        square = (variance * u[0]).addcmul_(currents, v)
        return variance.addcmul_(variance, square).addcmul_(currents, falls).clamp_(min=0)
    if tables.rise is None or tables.rise_square is None:
        return variance
    low = drive.to(tables.rise.dtype)
    lines = [currents]
    if tables.partner is not None:
        subtracted = product(run.rows_of(tables.partner), low).to(currents.dtype)
        lines = [currents + subtracted, subtracted]
    for line, rise, square in zip(lines, tables.rise, tables.rise_square, strict=True):
        falls = line * square[run.conversion_slice].view(*line.shape[:2], 1)
        falls -= product(run.rows_of(rise), low)
        variance.addcmul_(line, falls)
    return variance.clamp_(min=0)


def _of_squares(drive: Tensor, table: Tensor, tables: ReadTables, run: BlockRun, *, bits: bool) -> Tensor:
    """Return the variance by the drive of each word line alone."""
    if tables.worth is not None:
        drive = bend(drive, tables.worth[-1])
    power = drive if bits else drive.to(tables.factor.dtype).square()
    return product(run.rows_of(table), power.to(table.dtype))


def correlated(normals: Tensor, tables: ReadTables, run: BlockRun) -> Tensor:
    """Return normals (blocks, conversions, columns), changed in place, with the correlation of outputs of an array."""
    if tables.together is None:
        return normals
    part = tables.together[run.conversion_slice].view(run.lines.blocks, run.conversions, -1).to(normals.dtype)
    return normals.baddbmm_(part, torch.bmm(part.mT, normals), alpha=-1)
