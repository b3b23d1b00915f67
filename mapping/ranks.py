"""Telling apart entries that are equal."""

import torch
from torch import Tensor


def rank_among_equals(key: Tensor) -> Tensor:
    """Return how many earlier entries have the same key, for each entry of (n,), int64."""
    order = key.argsort(stable=True)
    ordered = key[order]
    position = torch.arange(len(key), device=key.device)
    starts = torch.ones_like(ordered, dtype=torch.bool)
    starts[1:] = ordered[1:] != ordered[:-1]
    first = torch.where(starts, position, 0).cummax(0).values
    rank = torch.empty_like(position)
    rank[order] = position - first
    return rank
