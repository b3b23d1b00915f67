"""Symmetric uniform quantiser."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from devices.validation import check_choice, check_integer
from mapping.quantizers.base import AbstractQuantizer, QuantizedWeight
from mapping.quantizers.scale import SCALE_CHOICES, ScaleChoice, quantize_with_scale


@dataclass(frozen=True, kw_only=True)
class UniformQuantizer(AbstractQuantizer):
    """Equal steps on both sides of zero: codes -(2^(bits-1) - 1) .. 2^(bits-1) - 1.

    Zero is a code, and the code -2^(bits-1) is not used, so that a differential pair treats both signs alike.

    Parameters
    ----------
    bits
        Bits of a signed weight, the sign included: 8 gives codes -127 .. 127.
    granularity
        One scale for the whole matrix, or one per output channel.
    scale
        The largest |weight| on the largest code, or the scale of least squared error, which clips large weights.
    """

    bits: int = 8
    granularity: Literal["tensor", "output"] = "tensor"
    scale: ScaleChoice = "max"

    def __post_init__(self) -> None:
        """Refuse bit widths that hold no magnitude."""
        check_integer("bits", self.bits, at_least=2, at_most=17, hint="One bit is the sign.")
        check_choice("granularity", self.granularity, ("tensor", "output"))
        check_choice("scale", self.scale, SCALE_CHOICES)

    @property
    def magnitude_bits(self) -> int:
        """Number of bits of the largest code magnitude."""
        return self.bits - 1

    def quantize(self, weight: Tensor) -> QuantizedWeight:
        """Return the nearest codes of `weight` (inputs, outputs)."""
        largest_code = 2**self.magnitude_bits - 1
        return quantize_with_scale(
            weight,
            lambda units: units.round().clamp_(-largest_code, largest_code),
            magnitude_bits=self.magnitude_bits,
            largest_code=largest_code,
            granularity=self.granularity,
            choice=self.scale,
        )
