"""Samples and quantiles of large tensors."""

import math

import torch
from torch import Tensor


def sample_of(values: Tensor, most: int) -> Tensor:
    """Return all entries along the first dimension, or `most` of them where there are more.

    They are drawn, with a fixed seed: an even spacing would meet the same positions of every image.
    """
    if len(values) <= most:
        return values
    chosen = torch.randint(len(values), (most,), generator=torch.Generator().manual_seed(0))
    return values[chosen.to(values.device)]


def quantile_of(values: Tensor, quantile: float) -> Tensor:
    """Return the smallest value that at least a share `quantile` of the values does not exceed, (n, ...) -> (...).

    `torch.quantile` takes no more than 2^24 values; this takes any number.
    """
    rank = max(1, math.ceil(quantile * len(values)))
    return values.kthvalue(rank, dim=0).values
