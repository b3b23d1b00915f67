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
    """Return the inverses of symmetric positive definite `(..., n, n)`, unchecked.

    Small ones by Cholesky's factor, in a third of the time of any other; larger ones from those of two halves by matrix
    products, which are faster than a factorisation. With entries <= 0 off the diagonal, as node matrices have them,
    nothing but diagonals is subtracted either way.
    """
    size = matrix.shape[-1]
    if size == 1:
        return matrix.reciprocal()
    if size <= _SAFE_SIZE:
        small: Tensor = torch.cholesky_inverse(torch.linalg.cholesky_ex(matrix)[0])
        return small
    half = size // 2
    first, between, last = matrix[..., :half, :half], matrix[..., :half, half:], matrix[..., half:, half:]
    own = symmetric_inverse(first)
    through = own @ between
    rest = symmetric_inverse(last - between.mT @ through)
    across = -(through @ rest)
    inverse = torch.empty_like(matrix)
    inverse[..., :half, :half] = own - across @ through.mT
    inverse[..., :half, half:] = across
    inverse[..., half:, :half] = across.mT
    inverse[..., half:, half:] = rest
    return inverse


def _one_by_one(matrix: Tensor) -> bool:
    several = matrix.ndim > 2 and matrix.shape[:-2].numel() > 1
    return several and matrix.device.type == "cpu" and matrix.shape[-1] > _SAFE_SIZE
