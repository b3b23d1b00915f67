"""Additive powers of two (Li, Dong and Wang, ICLR 2020, arXiv 1909.13144)."""

import itertools
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from devices.validation import FieldValueError, check_choice, check_integer
from mapping.quantizers.base import AbstractQuantizer, QuantizedWeight
from mapping.quantizers.codebook import nearest_in_codebook
from mapping.quantizers.scale import SCALE_CHOICES, ScaleChoice, quantize_with_scale


@dataclass(frozen=True, kw_only=True)
class AdditivePowersOfTwoQuantizer(AbstractQuantizer):
    """Sums of `terms` powers of two, each from a list of its own: equation 5 of arXiv 1909.13144.

    Term i is 0 or 2^-(i + j terms) with j = 0 .. 2^term_bits - 2, so no two terms share a bit and a weight has at most
    `terms` ones. The smallest of these powers is the unit of the codes.

    Parameters
    ----------
    terms
        Powers that are added; with one term these are plain powers of two.
    term_bits
        Bits that choose a term; with one bit the sums are the uniform codes.
    granularity
        One scale for the whole matrix, or one per output channel.
    scale
        The largest |weight| on the largest code, or the scale of least squared error.
    """

    terms: int = 2
    term_bits: int = 2
    granularity: Literal["tensor", "output"] = "tensor"
    scale: ScaleChoice = "max"

    def __post_init__(self) -> None:
        """Refuse sums that do not fit."""
        check_integer("terms", self.terms, at_least=1, at_most=16)
        check_integer("term_bits", self.term_bits, at_least=1, at_most=4)
        check_choice("granularity", self.granularity, ("tensor", "output"))
        check_choice("scale", self.scale, SCALE_CHOICES)
        if self.magnitude_bits > 16:
            raise FieldValueError(
                f"`terms` * (2**`term_bits` - 1) must be <= 16 planes. Got terms={self.terms}, "
                f"term_bits={self.term_bits}, which need {self.magnitude_bits}.",
                "terms",
            )

    @property
    def magnitude_bits(self) -> int:
        """Number of bits of the largest code magnitude."""
        return self.terms * ((1 << self.term_bits) - 1)

    @property
    def codebook(self) -> tuple[int, ...]:
        """Positive codes, ascending."""
        choices = [
            [0, *(2 ** (self.magnitude_bits - 1 - term - step * self.terms) for step in range(2**self.term_bits - 1))]
            for term in range(self.terms)
        ]
        return tuple(sorted({sum(powers) for powers in itertools.product(*choices)} - {0}))

    def quantize(self, weight: Tensor) -> QuantizedWeight:
        """Return the nearest codes of `weight` (inputs, outputs)."""
        codebook = self.codebook
        return quantize_with_scale(
            weight,
            lambda units: nearest_in_codebook(units, codebook),
            magnitude_bits=self.magnitude_bits,
            largest_code=codebook[-1],
            granularity=self.granularity,
            choice=self.scale,
        )
