"""The variance that fresh read noise gives the currents of a product."""

import torch
from torch import Tensor

from crossbar.array.cell_curve import bend
from crossbar.array.reads.tiled.product import product
from crossbar.array.reads.tiled.tables import BlockRun, ReadTables


def noise_variance(currents: Tensor, drive: Tensor, tables: ReadTables, run: BlockRun, *, bits: bool) -> Tensor | None:
    """Return the variance of currents (blocks, conversions, columns) of pulses (blocks, rows, columns), or None.

    Parameters
    ----------
    currents, drive
        What converters see without noise, and the pulses.
    tables, run
        The conversions.
    bits
        Whether pulses are 0 or 1, and so their own squares.
    """
    if tables.variance is None:
        return None
    if tables.worth is not None:
        drive = bend(drive, tables.worth[-1])
    low = drive.to(tables.variance.dtype)
    power = low if bits else (drive * drive).to(tables.variance.dtype)
    variance = product(run.rows_of(tables.variance), power).to(currents.dtype)
    if tables.falls is not None:
        v, w, *u = tables.falls[:, run.conversion_slice].view(-1, *currents.shape[:2], 1)
        falls = currents * w
        if not u:
            return variance.addcmul_(currents, falls.addcmul_(variance, v)).clamp_(min=0)
        square = (variance * u[0]).addcmul_(currents, v)
        return variance.addcmul_(variance, square).addcmul_(currents, falls).clamp_(min=0)
    if tables.rise is None or tables.rise_square is None:
        return variance
    lines = [currents]
    if tables.partner is not None:
        subtracted = product(run.rows_of(tables.partner), low).to(currents.dtype)
        lines = [currents + subtracted, subtracted]
    for line, rise, square in zip(lines, tables.rise, tables.rise_square, strict=True):
        falls = line * square[run.conversion_slice].view(*line.shape[:2], 1)
        falls -= product(run.rows_of(rise), low)
        variance.addcmul_(line, falls)
    return variance.clamp_(min=0)


def correlated(normals: Tensor, tables: ReadTables, run: BlockRun) -> Tensor:
    """Return normals (blocks, conversions, columns), changed in place, with the correlation of outputs of an array."""
    if tables.together is None:
        return normals
    part = tables.together[run.conversion_slice].view(run.lines.blocks, run.conversions, -1).to(normals.dtype)
    return normals.baddbmm_(part, torch.bmm(part.mT, normals), alpha=-1)
