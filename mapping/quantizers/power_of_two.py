"""Powers of two: one set bit per weight."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from devices.validation import check_choice, check_integer
from mapping.quantizers.base import AbstractQuantizer, QuantizedWeight
from mapping.quantizers.codebook import nearest_in_codebook
from mapping.quantizers.scale import SCALE_CHOICES, ScaleChoice, quantize_with_scale


@dataclass(frozen=True, kw_only=True)
class PowerOfTwoQuantizer(AbstractQuantizer):
    """Zero and the powers of two 1 .. 2^(bits - 1), as in incremental network quantisation (Zhou et al., ICLR 2017).

    Parameters
    ----------
    bits
        Magnitude bits, hence powers; the sign is apart, so a weight has `bits + 1` bits.
    granularity
        One scale for the whole matrix, or one per output channel.
    scale
        The largest |weight| on the largest code, or the scale of least squared error.
    """

    bits: int = 8
    granularity: Literal["tensor", "output"] = "tensor"
    scale: ScaleChoice = "max"

    def __post_init__(self) -> None:
        """Refuse bit widths that cannot be."""
        check_integer("bits", self.bits, at_least=1, at_most=16)
        check_choice("granularity", self.granularity, ("tensor", "output"))
        check_choice("scale", self.scale, SCALE_CHOICES)

    @property
    def magnitude_bits(self) -> int:
        """Number of bits of the largest code magnitude."""
        return self.bits

    @property
    def codebook(self) -> tuple[int, ...]:
        """Positive codes, ascending."""
        return tuple(2**power for power in range(self.bits))

    def quantize(self, weight: Tensor) -> QuantizedWeight:
        """Return the nearest codes of `weight` (inputs, outputs)."""
        codebook = self.codebook
        return quantize_with_scale(
            weight,
            lambda units: nearest_in_codebook(units, codebook),
            magnitude_bits=self.bits,
            largest_code=codebook[-1],
            granularity=self.granularity,
            choice=self.scale,
        )
