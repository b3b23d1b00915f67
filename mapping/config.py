"""How a layer's weights become cells."""

from dataclasses import dataclass
from typing import Literal

from devices.validation import check_choice, check_integer
from mapping.encodings import ENCODINGS
from mapping.quantizers import AbstractQuantizer, UniformQuantizer


@dataclass(frozen=True, kw_only=True)
class MappingConfig:
    """How a weight matrix is quantised, sliced into cells and cut into arrays."""

    weight_bits: int = 8
    """Bits of a signed weight, the sign included."""
    cell_bits: int = 4
    """Bits one cell stores; `weight_bits - 1` or more puts a magnitude into one cell."""
    rows: int = 128
    """Word lines of one array."""
    cols: int = 128
    """Bit lines of one array."""
    encoding: Literal["differential", "offset", "twos_complement"] = "differential"
    """How signed codes become non-negative levels; a key of `mapping.encodings.ENCODINGS`."""
    slicing: Literal["inter", "intra"] = "inter"
    """Slices of a weight in arrays of their own (inter), or side by side on the bit lines of one array (intra)."""
    granularity: Literal["tensor", "output"] = "tensor"
    """One weight scale per layer, or one per output channel; used by the default quantiser."""
    quantizer: AbstractQuantizer | None = None
    """Another quantiser than `UniformQuantizer(bits=weight_bits, granularity=granularity)`."""

    def __post_init__(self) -> None:
        """Refuse mappings that cannot be."""
        check_integer("weight_bits", self.weight_bits, at_least=2, at_most=17, hint="One bit is the sign.")
        check_integer("cell_bits", self.cell_bits, at_least=1, at_most=16)
        check_integer("rows", self.rows, at_least=1)
        check_integer("cols", self.cols, at_least=1)
        check_choice("encoding", self.encoding, tuple(ENCODINGS))
        check_choice("slicing", self.slicing, ("inter", "intra"))
        check_choice("granularity", self.granularity, ("tensor", "output"))
        if self.cell_bits > self.weight_bits:
            raise ValueError(
                f"`cell_bits` must be <= `weight_bits`. Got cell_bits={self.cell_bits}, weight_bits={self.weight_bits}. "
                "Use fewer bits per cell, or more bits per weight."
            )
        if self.quantizer is not None and self.quantizer.magnitude_bits + 1 != self.weight_bits:
            raise ValueError(
                f"`weight_bits` must be {self.quantizer.magnitude_bits + 1} (the quantiser's magnitude bits and a sign). "
                f"Got {self.weight_bits} with {self.quantizer!r}."
            )

    def effective_quantizer(self) -> AbstractQuantizer:
        """Return the quantiser that this config stands for."""
        return self.quantizer or UniformQuantizer(bits=self.weight_bits, granularity=self.granularity)
