"""Where the two cells of a differential pair lie.

- arrays: positive and negative cells in arrays of their own that share their inputs, as in PRIME (Chi et al., ISCA 2016).
- bit_lines: on adjacent bit lines of one array, whose currents are subtracted, as in the perceptron of Prezioso et al.
  (Nature 521, 2015).
- word_lines: on adjacent word lines of one bit line, driven with opposite voltages, so that the bit line itself carries
  the difference, as in NeuRRAM (Wan et al., Nature 608, 2022, figure 2h).

Ideal arrays give the same with all three. Wires do not: what drops along a line depends on what else is on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class PairLayout:
    """How many arrays, bit lines and word lines hold the cells of one weight and plane: at most one of them is 2."""

    arrays: int = 1
    """Arrays, of positive and of negative cells."""
    bit_lines: int = 1
    """Adjacent bit lines of one array, the positive one first."""
    word_lines: int = 1
    """Adjacent word lines of one array that carry one input, the second with opposite sign."""


NO_PAIRS = PairLayout()
"""The layout of encodings whose planes have no partners."""

PAIR_LAYOUTS: Mapping[str, PairLayout] = MappingProxyType(
    {
        "arrays": PairLayout(arrays=2),
        "bit_lines": PairLayout(bit_lines=2),
        "word_lines": PairLayout(word_lines=2),
    }
)
