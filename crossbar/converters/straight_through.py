"""Rounding that passes gradients straight through."""

from typing import Any

import torch
from torch import Tensor


class _StraightThrough(torch.autograd.Function):
    """Another value forward, exactly (`x + (value - x)` is not, in floating point); the identity backward."""

    @staticmethod
    def forward(context: Any, x: Tensor, value: Tensor) -> Tensor:
        """Return `value`."""
        return value

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Pass the gradient on to `x`."""
        return gradients[0], None


def straight_through(x: Tensor, value: Tensor) -> Tensor:
    """Return `value`, with the gradient that `x` would have in its place."""
    return _StraightThrough.apply(x, value.detach()) if x.requires_grad else value


def round_straight_through(x: Tensor) -> Tensor:
    """Round to integers with the gradient of the identity; `x` is an intermediate result and may be overwritten."""
    return straight_through(x, torch.round(x.detach())) if x.requires_grad else x.round_()
