"""Ternary weights: a sign and one bit."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from devices.validation import check_choice
from mapping.quantizers.base import AbstractQuantizer, QuantizedWeight
from mapping.quantizers.codebook import nearest_in_codebook
from mapping.quantizers.scale import SCALE_CHOICES, ScaleChoice, quantize_with_scale


@dataclass(frozen=True, kw_only=True)
class TernaryQuantizer(AbstractQuantizer):
    """Codes -1, 0 and 1, as in ternary weight networks (Li, Zhang and Liu, arXiv 1605.04711).

    That paper's scale minimises the squared error, hence the default.

    Parameters
    ----------
    granularity
        One scale for the whole matrix, or one per output channel.
    scale
        The largest |weight| on the code 1, or the scale of least squared error.
    """

    granularity: Literal["tensor", "output"] = "tensor"
    scale: ScaleChoice = "least_squares"

    def __post_init__(self) -> None:
        """Refuse unknown choices."""
        check_choice("granularity", self.granularity, ("tensor", "output"))
        check_choice("scale", self.scale, SCALE_CHOICES)

    @property
    def magnitude_bits(self) -> int:
        """Number of bits of the largest code magnitude."""
        return 1

    @property
    def codebook(self) -> tuple[int, ...]:
        """Positive codes, ascending."""
        return (1,)

    def quantize(self, weight: Tensor) -> QuantizedWeight:
        """Return the nearest codes of `weight` (inputs, outputs)."""
        return quantize_with_scale(
            weight,
            lambda units: nearest_in_codebook(units, (1,)),
            magnitude_bits=1,
            largest_code=1,
            granularity=self.granularity,
            choice=self.scale,
        )
