"""Differentiable arithmetic that torch leaves to its users."""

import torch
from torch import Tensor

_SMALLEST_SQUARE = 1e-36


def square_root(x: Tensor) -> Tensor:
    """Return `sqrt(max(x, 0))` to within 1e-18, with gradient 0, not infinity, where `x <= 0`."""
    return x.clamp(min=_SMALLEST_SQUARE).sqrt_()


def add_product(x: Tensor, factor: Tensor, drawn: Tensor) -> Tensor:
    """Return `x + factor * drawn`, in the memory of `drawn` where no gradient is asked for."""
    differentiable = torch.is_grad_enabled() and (x.requires_grad or factor.requires_grad)
    return torch.addcmul(x, factor, drawn, out=None if differentiable else drawn)


def evaluate_polynomial(coefficients: tuple[float, ...], x: Tensor) -> Tensor:
    """Return `c0 + c1 x + c2 x^2 + ...` by Horner's rule."""
    if len(coefficients) == 1:
        return torch.full_like(x, coefficients[0])
    total = (x * coefficients[-1]).add_(coefficients[-2])
    for coefficient in reversed(coefficients[:-2]):
        total.mul_(x).add_(coefficient)
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
