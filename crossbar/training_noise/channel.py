"""Gaussian noise relative to the largest weight of each output."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from crossbar.training_noise.base import AbstractTrainingNoise
from devices.plausibility import warn_ratio
from devices.validation import check_boolean, check_nonnegative


@final
@dataclass(frozen=True, kw_only=True)
class ChannelNoise(AbstractTrainingNoise):
    """`W[:, j] + ratio * max|W[:, j]| * N(0, 1)`: the noise of a chip that gives every output the whole window.

    As "Analog Foundation Models" (Buechel et al., 2025) train, with ratios of 0.02 to 0.03 and gradients through the
    clean weights; Joshi et al., Nat. Commun. 11, 2473 (2020) take 0.038 of the largest weight of a layer.

    Parameters
    ----------
    ratio
        Standard deviation over the largest |weight| of the output.
    clean_gradient
        Send gradients to the inputs through the weights without this noise; costs one product more in the forward pass.
    """

    ratio: float = 0.02
    clean_gradient: bool = True

    def __post_init__(self) -> None:
        """Refuse ratios that cannot be."""
        check_nonnegative("ratio", self.ratio, hint="Use `noise=None` for none.")
        warn_ratio("ratio", self.ratio)
        check_boolean("clean_gradient", self.clean_gradient)

    def weight_noise(self, weight: Tensor, factor: Tensor | None) -> Tensor:
        """Return noise for weights (inputs per group, outputs)."""
        ideal = weight.detach()
        deviates = torch.randn(ideal.shape, dtype=ideal.dtype, device=ideal.device)
        return deviates * (self.ratio * ideal.abs().amax(0))
