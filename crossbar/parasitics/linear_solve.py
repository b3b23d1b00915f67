"""Batched linear systems, one large matrix after another.

On a CPU with several threads torch factorises the matrices of a batch side by side, which MKL does not survive for
matrices of about 150 rows or more: wrong numbers, errors or a hang (pytorch issues 141358 and 142815).
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

_SAFE_SIZE = 96
"""Rows up to which a batch is factorised as a whole."""
_SMALL_SIZE = 64
"""Rows up to which an inverse by Cholesky's factor is faster than one by halves."""

_ALIGNED = 4
"""Rows of which a matrix is a multiple of 64 bytes."""


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
    if size <= _SMALL_SIZE:
        whole = _filled_up(matrix)
        return torch.cholesky_inverse(torch.linalg.cholesky_ex(whole)[0])[..., :size, :size].contiguous()
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


def _filled_up(matrix: Tensor) -> Tensor:
    """Return matrices with as many lines of the identity added that each begins where memory is aligned.

    What LAPACK rounds depends on that, and so would the numbers of an array on its place in a batch.
    """
    size = matrix.shape[-1]
    if size % _ALIGNED == 0:
        return matrix
    whole = pad(matrix, (0, -size % _ALIGNED, 0, -size % _ALIGNED))
    whole.diagonal(dim1=-2, dim2=-1)[..., size:] = 1
    return whole


def _one_by_one(matrix: Tensor) -> bool:
    several = matrix.ndim > 2 and matrix.shape[:-2].numel() > 1
    return several and matrix.device.type == "cpu" and matrix.shape[-1] > _SAFE_SIZE
