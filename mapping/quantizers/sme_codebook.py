"""The bit-sparse codebook of SME (arXiv 2103.01705).

Only the abstract is public to us: that bits are made sparse on top of an existing quantiser is the paper's; the window
of bits is a reconstruction, read off the conventions of the same group's Bit-Transformer (ICCAD 2021).
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from devices.validation import check_choice, check_integer
from mapping.quantizers.base import AbstractQuantizer, QuantizedWeight
from mapping.quantizers.codebook import nearest_in_codebook
from mapping.quantizers.scale import SCALE_CHOICES, ScaleChoice, quantize_with_scale


@dataclass(frozen=True, kw_only=True)
class SMECodebook(AbstractQuantizer):
    """Zero, and every code whose ones lie in a window of `window` bits that begins at its leading one.

    A floating-point number with `window - 1` mantissa bits, written out on `bits` planes: at most `window` ones per
    weight. Eight bits give 8, 15, 27 and 47 positive codes for windows of 1, 2, 3 and 4.

    Parameters
    ----------
    bits
        Magnitude bits, one plane each; the sign is apart, so a weight has `bits + 1` bits.
    window
        Bits from the leading one on that may be one.
    granularity
        One scale for the whole matrix, or one per output channel.
    scale
        The largest |weight| on the largest code, or the scale of least squared error.
    """

    bits: int = 8
    window: int = 3
    granularity: Literal["tensor", "output"] = "tensor"
    scale: ScaleChoice = "max"

    def __post_init__(self) -> None:
        """Refuse windows that do not fit."""
        check_integer("bits", self.bits, at_least=1, at_most=16)
        check_integer("window", self.window, at_least=1, at_most=self.bits, hint="It lies within `bits`.")
        check_choice("granularity", self.granularity, ("tensor", "output"))
        check_choice("scale", self.scale, SCALE_CHOICES)

    @property
    def magnitude_bits(self) -> int:
        """Number of bits of the largest code magnitude."""
        return self.bits

    @property
    def codebook(self) -> tuple[int, ...]:
        """Positive codes, ascending."""
        codes = set()
        for lead in range(self.bits):
            mantissa_bits = min(self.window - 1, lead)
            codes |= {(2**mantissa_bits + mantissa) << (lead - mantissa_bits) for mantissa in range(2**mantissa_bits)}
        return tuple(sorted(codes))

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
