"""Gaussian shifts of the outputs, as a chip was measured to shift them."""

from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from crossbar.training_noise.base import AbstractTrainingNoise
from devices.validation import FieldValueError, check_nonnegative, check_numbers


@final
@dataclass(frozen=True, kw_only=True)
class OutputShift(AbstractTrainingNoise):
    """`y + N(mean, spread)`, fresh for every output: noise injection adaption.

    He, Lin, Ewetz, Yuan and Fan, "Noise injection adaption", DAC 2019: the shift that all effects of the circuit
    together give the outputs of each array, as a normal distribution. The arrays of one output add up, and so do their
    means and variances: what counts is the distribution of the output. `calibration.inject_output_shifts` measures it.

    Parameters
    ----------
    mean
        Mean shift of each output, in units of the layer's output; one number: of all outputs.
    spread
        Standard deviation of the shift of each output, in the same units; as many numbers.
    """

    mean: tuple[float, ...] = field(repr=False)
    spread: tuple[float, ...] = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse numbers that do not match."""
        check_numbers("mean", self.mean, at_least=1)
        check_numbers("spread", self.spread, at_least=1)
        if len(self.spread) != len(self.mean):
            raise FieldValueError(f"`spread` must hold {len(self.mean)} numbers. Got {len(self.spread)}.", "spread")
        for value in self.spread:
            check_nonnegative("spread", value)

    def weight_noise(self, weight: Tensor, factor: Tensor | None) -> None:
        """Leave the weights as they are."""

    def output_noise(self, outputs: Tensor, *, channel: int) -> Tensor:
        """Return shifts for the outputs of a layer, whose channels lie along the dimension `channel` < 0."""
        mean, spread = outputs.new_tensor([self.mean, self.spread]).view(2, -1, *(1,) * (-channel - 1))
        deviates = torch.randn(outputs.shape, dtype=outputs.dtype, device=outputs.device)
        return torch.addcmul(mean, spread, deviates)
