"""Samples and quantiles of large tensors."""

import math

from torch import Tensor


def evenly_spaced(values: Tensor, most: int) -> Tensor:
    """Return at most `most` entries along the first dimension, evenly spaced."""
    return values[:: -(-len(values) // most)] if len(values) > most else values


def quantile_of(values: Tensor, quantile: float) -> Tensor:
    """Return the smallest value that at least a share `quantile` of the values does not exceed, (n, ...) -> (...).

    `torch.quantile` takes no more than 2^24 values; this takes any number.
    """
    rank = max(1, math.ceil(quantile * len(values)))
    return values.kthvalue(rank, dim=0).values
