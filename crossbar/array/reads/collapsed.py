"""The collapsed read: one product with the effective weight, and one more for fresh read noise.

It gives the numbers of a tiled read wherever nothing after the arrays is non-linear.
"""

from typing import final

import torch
from torch import Tensor

from crossbar.array.cell_curve import code_worth
from crossbar.array.collapse import effective_variance
from crossbar.array.reads.base import AbstractRead
from crossbar.array.reads.noise_precision import variance_type
from crossbar.array.solved import SolvedArrays
from crossbar.array.wiring import Wiring
from crossbar.config import CrossbarConfig
from crossbar.converters import pulse_power
from devices.randomness import normal_in_layout

_MANY = 32
"""Vectors from which on a table of variances is rounded for their read."""


@final
class CollapsedRead(AbstractRead):
    """Read one effective weight, and draw noise of the output-referred variance.

    `var(I_j) = sum_i x_i^2 var(G_ij)` is exact for independent Gaussian cells; `x_i^2` is summed over pulses. Noise of
    cells that are not ohmic is at every voltage the same share of their current, taken for that of all cells together.
    """

    variance: Tensor | None
    power: Tensor | None
    """What multiplies the variance for input codes from 0 on, where cells are not ohmic, (codes,)."""

    def __init__(self, config: CrossbarConfig) -> None:
        super().__init__(config)
        self.register_buffer("variance", None)
        self.register_buffer("power", None)

    @property
    def keeps_transfer(self) -> bool:
        """Whether the transfer matrices have to stay at hand."""
        return False

    def prepare_own(self, solved: SolvedArrays) -> None:
        """Collapse the variance of the cells, (outputs, inputs per group)."""
        self.variance = self.power = None
        entries = solved.variance
        if entries is not None and solved.curve is not None:
            self.power = code_worth(solved.curve.mean_worth(solved.transfer), self.config.inputs, power=2)
        if entries is not None:
            variance = effective_variance(solved.placement, self.config.device, entries, gain=solved.gain)
            self.variance = variance.t().contiguous()

    def freeze(self, dtype: torch.dtype | None) -> None:
        """Hold weight and variance in `dtype`."""
        super().freeze(dtype)
        if self.variance is not None:
            self.variance = self.variance.to(dtype or self.variance.dtype)

    def read(self, codes: Tensor, wiring: Wiring) -> Tensor:
        """Multiply once, and once more for the spread of fresh read noise."""
        outputs = self.read_without_converters(codes, wiring)
        if self.variance is None:
            return outputs
        spread = self._variance_of_outputs(codes.detach(), self.variance, wiring).sqrt_()
        return torch.addcmul(outputs, spread, normal_in_layout(outputs))

    def _variance_of_outputs(self, codes: Tensor, variance: Tensor, wiring: Wiring) -> Tensor:
        """Return the output-referred variance of fresh read noise."""
        inputs = self.config.inputs
        if not inputs.offset_code:
            # Many vectors are worth the rounding of the table before each read.
            many = codes.numel() >= _MANY * variance.shape[1]
            kind = variance_type(codes.dtype, codes.device) if many else codes.dtype
            power = self._power(codes).to(kind)
            return wiring.linear_map(power, wiring.shape_weight(variance.to(kind))).to(codes.dtype)
        variance = variance.to(codes.dtype)
        weight = wiring.shape_weight(variance)
        # Padding is driven with the offset too, so what it adds is told apart from what the inputs add.
        rest = self._power(torch.full_like(codes[..., :1], float(inputs.offset_code)))
        excess = wiring.linear_map(self._power(codes + inputs.offset_code) - rest, weight)
        return (excess + wiring.per_output(variance.sum(1)) * rest.flatten()[0]).clamp_(min=0)

    def _power(self, codes: Tensor) -> Tensor:
        """Return what multiplies the variance of cells driven with whole codes."""
        if self.power is None:
            return pulse_power(codes, self.config.inputs)
        return self.power[codes.abs().long()].to(codes.dtype)
