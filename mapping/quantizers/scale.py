"""The number that one code unit stands for: the largest weight on the largest code, or the least squared error."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from mapping.quantizers.base import QuantizedWeight

ScaleChoice = Literal["max", "least_squares"]
SCALE_CHOICES = ("max", "least_squares")
_CANDIDATES = 40
_BINS = 1 << 14


def quantize_with_scale(
    weight: Tensor,
    nearest: Callable[[Tensor], Tensor],
    *,
    magnitude_bits: int,
    largest_code: int,
    granularity: Literal["tensor", "output"],
    choice: ScaleChoice,
) -> QuantizedWeight:
    """Choose the scale of a matrix and round it to codes.

    Where all weights are zero, codes and scale are 0, so that nothing that cells do reaches the output. Where one is NaN or
    infinite, the scale is NaN, and so is the matrix that the codes stand for.

    Parameters
    ----------
    weight
        Floating-point matrix, (inputs, outputs).
    nearest
        Rounds weights in code units to the nearest codes, clipping at the largest.
    magnitude_bits, largest_code
        Size of the codes.
    granularity
        One scale per matrix, or one per output.
    choice
        max: the largest |weight| becomes the largest code. least_squares: the scale with the smallest squared error
        among fractions 1/40 .. 1 of that one, each moved to the best scale for its codes.
    """
    weight = weight.to(torch.promote_types(weight.dtype, torch.float32))
    magnitude = weight.abs()
    largest = magnitude.amax(0) if granularity == "output" else magnitude.amax()
    widest = largest / largest_code
    usable = (widest > 0) & widest.isfinite()
    unit = torch.where(usable, widest, 1)
    if choice == "least_squares":
        unit = _least_squares(magnitude.nan_to_num(0, posinf=0), nearest, unit)
    codes = nearest((weight / unit).nan_to_num_(0)).to(torch.int32)
    scale = torch.where(usable, unit, widest - widest)  # 0 of zeros, NaN of what is not finite
    return QuantizedWeight(codes=codes, scale=scale, magnitude_bits=magnitude_bits)


def _least_squares(magnitude: Tensor, nearest: Callable[[Tensor], Tensor], widest: Tensor) -> Tensor:
    """Return the best scale found, of the shape of `widest`: () or (outputs,)."""
    values, counts = _histogram(magnitude) if widest.ndim == 0 else (magnitude, torch.ones_like(magnitude))

    def total(products: Tensor) -> Tensor:
        """Return the squared error at a scale."""
        return products.sum(0) if widest.ndim else products.sum()

    best, saved = widest, torch.zeros_like(widest)
    for step in range(1, _CANDIDATES + 1):
        codes = nearest(values / (widest * (step / _CANDIDATES)))
        product, power = total(counts * values * codes), total(counts * codes.square())
        # The best scale for these codes is product / power; it lowers the squared error by this much.
        gain = torch.where(power > 0, product.square() / power, 0)
        best = torch.where(gain > saved, product / power, best)
        saved = torch.maximum(gain, saved)
    errors = [total((magnitude - nearest(magnitude / scale) * scale).square()) for scale in (best, widest)]
    return torch.where((errors[0] < errors[1]) & (best > 0), best, widest)


def _histogram(magnitude: Tensor) -> tuple[Tensor, Tensor]:
    """Return values and how often each occurs: the entries themselves, or bins where there are many."""
    if magnitude.numel() <= _BINS:
        return magnitude.flatten(), torch.ones_like(magnitude).flatten()
    width = magnitude.amax().clamp(min=torch.finfo(magnitude.dtype).tiny) / _BINS
    bins = (magnitude / width).long().clamp(max=_BINS - 1).flatten()
    counts = torch.bincount(bins, minlength=_BINS).to(magnitude.dtype)
    return (torch.arange(_BINS, device=magnitude.device) + 0.5) * width, counts
