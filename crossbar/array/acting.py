"""Reading arrays as if they acted as another weight, through which gradients pass."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from crossbar.array.bypass import converters_bypassed
from crossbar.array.crossbar_array import CrossbarArray


@contextmanager
def acting_weights(arrays: Iterable[CrossbarArray]) -> Iterator[None]:
    """Let `act_as` choose what arrays act as within, without converters and fresh noise; then they are as before."""
    arrays = list(arrays)
    before = [array.effective_weight for array in arrays]
    try:
        with converters_bypassed(arrays):
            yield
    finally:
        for array, weight in zip(arrays, before, strict=True):
            array.reader.weight = weight


@torch.inference_mode(False)
def act_as(array: CrossbarArray, weight: Tensor) -> None:
    """Read an array as `weight`, (outputs, inputs per group), until `acting_weights` ends; gradients reach it."""
    array.reader.weight = weight
