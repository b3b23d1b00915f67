"""Gaussian noise whose size each layer learns."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from crossbar.training_noise.base import AbstractTrainingNoise
from devices.validation import check_nonnegative


@final
@dataclass(frozen=True, kw_only=True)
class LearnedNoise(AbstractTrainingNoise):
    """`W + factor * std(W) * N(0, 1)` with a `factor` that each layer learns: parametric noise injection.

    He, Rakin and Fan, "Parametric noise injection", CVPR 2019 (arXiv 1811.09310), equations 2 to 5; they begin at 0.25.
    (Their code, github.com/elliothe/CVPR_2019_PNI, also has a factor for each output or weight.)
    The factor is the parameter `array.noise_factor` of a layer. Under the plain loss alone it shrinks: train it with what
    the network shall withstand in the loss (adversarial inputs in the paper).

    Parameters
    ----------
    initial_factor
        Factor before training.
    """

    initial_factor: float = 0.25

    def __post_init__(self) -> None:
        """Refuse factors that cannot be."""
        check_nonnegative("initial_factor", self.initial_factor)

    def weight_noise(self, weight: Tensor, factor: Tensor | None) -> Tensor:
        """Return noise for weights (inputs per group, outputs), differentiable in the factor."""
        ideal = weight.detach()
        spread = ideal.std(correction=0) * torch.randn(ideal.shape, dtype=ideal.dtype, device=ideal.device)
        return spread * (self.initial_factor if factor is None else factor.to(ideal.dtype))
