"""Batched linear systems, one large matrix after another.

On a CPU with several threads torch factorises the matrices of a batch side by side, which MKL does not survive for
matrices of about 150 rows or more: wrong numbers, errors or a hang (pytorch issues 141358 and 142815).
"""

import torch
from torch import Tensor

_SAFE_SIZE = 96
"""Rows up to which a batch is factorised as a whole."""


def solve(matrix: Tensor, right: Tensor) -> Tensor:
    """Return `matrix^-1 @ right` for `(..., n, n)` and `(..., n, columns)` of one batch shape."""
    if not _one_by_one(matrix):
        whole: Tensor = torch.linalg.solve(matrix, right)
        return whole
    pairs = zip(matrix.flatten(0, -3).unbind(), right.flatten(0, -3).unbind(), strict=True)
    return torch.stack([torch.linalg.solve(one, other) for one, other in pairs]).view(right.shape)


def symmetric_inverse(matrix: Tensor) -> Tensor:
    """Return the inverses of symmetric positive definite `(..., n, n)`, unchecked: a third of the time of any other."""
    if not _one_by_one(matrix):
        return _symmetric_inverse(matrix)
    return torch.stack([_symmetric_inverse(one) for one in matrix.flatten(0, -3).unbind()]).view(matrix.shape)


def _symmetric_inverse(matrix: Tensor) -> Tensor:
    if matrix.shape[-1] == 1:
        return matrix.reciprocal()
    inverse: Tensor = torch.cholesky_inverse(torch.linalg.cholesky_ex(matrix)[0])
    return inverse


def _one_by_one(matrix: Tensor) -> bool:
    several = matrix.ndim > 2 and matrix.shape[:-2].numel() > 1
    return several and matrix.device.type == "cpu" and matrix.shape[-1] > _SAFE_SIZE
