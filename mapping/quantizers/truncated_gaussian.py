"""Ternary and binary weights whose scale follows from the spread of the weights, in closed form."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from devices.validation import check_choice, check_finite, check_nonnegative
from mapping.quantizers.base import AbstractQuantizer, QuantizedWeight

LEAST_ERROR = 0.6120031809628971
"""Threshold of least squared error, the root of `2 t = phi(t) / Q(t)` (Max, IRE Trans. Inf. Theory 6, 7 (1960))."""


@dataclass(frozen=True, kw_only=True)
class TruncatedGaussianQuantizer(AbstractQuantizer):
    """Codes -1, 0 and 1 for normal weights: 0 below `threshold` standard deviations, else the sign.

    Weights are taken as normal with mean 0 and standard deviation s (their rms). Of the codes with a threshold `t s`, the
    squared error `s^2 - 2 a E[|w|; |w| > t s] + a^2 P(|w| > t s)` is least for the mean of the truncated normal,
    `a = s phi(t) / Q(t)` with the density phi and the upper tail Q, where it is `s^2 (1 - 2 phi(t)^2 / Q(t))`. That is
    least where the threshold lies half way to the scale, `2 t = phi(t) / Q(t)`: t = 0.6120, a = 1.2240 s, 54 % of the
    weights, 19 % of the squares left. t = 0 gives binary weights of `0.7979 s`, the mean of |w| (XNOR-Net, Rastegari et
    al., ECCV 2016), with 36 % left. He and Fan, "Simultaneously optimizing weight and quantizer of ternary neural network
    using truncated Gaussian approximation", CVPR 2019, put this scale for the mean over weights, so that it moves evenly
    as they train; there the threshold learns too (github.com/elliothe/Ternarized_Neural_Network), here it is given.

    Parameters
    ----------
    threshold
        Below so many standard deviations a weight is 0; 0 gives binary weights.
    granularity
        One spread for the whole matrix, or one per output channel.
    """

    threshold: float = LEAST_ERROR
    granularity: Literal["tensor", "output"] = "tensor"

    def __post_init__(self) -> None:
        """Refuse thresholds that cannot be."""
        check_nonnegative("threshold", self.threshold, hint="It is in standard deviations.")
        check_finite("threshold", self.ratio)
        check_choice("granularity", self.granularity, ("tensor", "output"))

    @property
    def ratio(self) -> float:
        """The scale in standard deviations, `phi(t) / Q(t)`."""
        t = self.threshold
        tail = math.erfc(t / math.sqrt(2)) / 2
        return math.exp(-t * t / 2) / math.sqrt(2 * math.pi) / tail if tail else math.inf

    @property
    def magnitude_bits(self) -> int:
        """Number of bits of the largest code magnitude."""
        return 1

    @property
    def codebook(self) -> tuple[int, ...]:
        """Positive codes, ascending."""
        return (1,)

    def quantize(self, weight: Tensor) -> QuantizedWeight:
        """Return the codes of `weight` (inputs, outputs)."""
        weight = weight.to(torch.promote_types(weight.dtype, torch.float32))
        magnitude = weight.abs()
        largest = magnitude.amax(0) if self.granularity == "output" else magnitude.amax()
        # Relative to the largest weight, so that squares neither overflow nor vanish.
        unit = torch.where(largest > 0, largest, 1)
        squares = (weight / unit).square()
        spread = (squares.mean(0) if self.granularity == "output" else squares.mean()).sqrt()
        codes = torch.where(magnitude / unit > self.threshold * spread, torch.sign(weight), 0)
        scale = (self.ratio * spread * largest).clamp(max=torch.finfo(weight.dtype).max)
        return QuantizedWeight(codes=codes.nan_to_num(0).to(torch.int32), scale=scale, magnitude_bits=1)
