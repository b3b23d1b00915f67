"""The product of a tiled read: currents from transfer matrices or levels, and pulses."""

import functools

import torch
from torch import Tensor


def product(matrix: Tensor, drive: Tensor) -> Tensor:
    """Multiply (blocks, conversions, rows) with (blocks, rows, columns) block by block.

    Matrices of one byte give sums of 32 bits. One large block is cheaper as a plain product than as a batch of one.
    """
    if matrix.dtype == torch.int8:
        sums = torch.empty(*matrix.shape[:2], drive.shape[2], dtype=torch.int32, device=matrix.device)
        for block in range(len(matrix)):  # there is no batch of products of bytes
            torch._int_mm(matrix[block], drive[block], out=sums[block])
        return sums
    if matrix.shape[0] == 1:
        return torch.mm(matrix[0], drive[0])[None]
    return torch.bmm(matrix, drive)


@functools.cache
def multiplies_bytes() -> bool:
    """Return whether this torch multiplies matrices of one byte on the CPU, exactly.

    The operation is private (`torch._int_mm`), so it is tried once, against floating point.
    """
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randint(-127, 128, (2, 5, 19), generator=generator).to(torch.int8)[:, :, 2:]
    drive = torch.randint(-127, 128, (2, 17, 33), generator=generator).to(torch.int8)
    try:
        return torch.equal(product(matrix, drive).double(), product(matrix.double(), drive.double()))
    except (AttributeError, RuntimeError, TypeError):
        return False
