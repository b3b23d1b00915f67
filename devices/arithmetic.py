"""Differentiable arithmetic that torch leaves to its users."""

import torch
from torch import Tensor


def square_root(x: Tensor) -> Tensor:
    """Return `sqrt(max(x, 0))` with gradient 0, not infinity, where `x <= 0`."""
    positive = x > 0
    return torch.where(positive, torch.where(positive, x, torch.ones_like(x)).sqrt(), torch.zeros_like(x))


def evaluate_polynomial(coefficients: tuple[float, ...], x: Tensor) -> Tensor:
    """Return `c0 + c1 x + c2 x^2 + ...` by Horner's rule."""
    total = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + coefficient
    return total


def interpolate(x: Tensor, knots: tuple[float, ...], values: tuple[float, ...]) -> Tensor:
    """Return the piecewise-linear function through `(knots, values)` at `x`, constant beyond its ends.

    `knots` must increase strictly.
    """
    grid, heights = x.new_tensor(knots), x.new_tensor(values)
    inside = x.clamp(knots[0], knots[-1])
    left = (torch.searchsorted(grid, inside.detach().contiguous(), right=True) - 1).clamp(0, len(knots) - 2)
    slope = (heights[left + 1] - heights[left]) / (grid[left + 1] - grid[left])
    return heights[left] + slope * (inside - grid[left])
