"""How arrays test themselves."""

from dataclasses import dataclass
from typing import Literal

from devices.display import html_table, short_repr
from devices.validation import FieldValueError, check_choice, check_finite, check_integer


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """A checksum on bit lines beside those of each array, and how it is read.

    Every row of an array stores the sum of its levels, modulo `2^bits`, in one or a few cells of its own (in the spirit of
    RADAR: Li et al., DATE 2021, arXiv 2101.08254). Word lines are driven in groups; what the bit lines give, less what the
    checksum lines give, must be a multiple of `2^bits`.

    Parameters
    ----------
    false_alarms
        Chance that the test of an array without a fault raises an alarm, by the device's own noise.
    misses
        Chance that a cell off by one level goes unseen; with `false_alarms` it says how often patterns are read.
    word_lines
        Word lines driven at a time: fewer say better where a fault is, more need fewer reads in all.
    bits
        Bits of the checksum of a row; None: those of a cell, at least two. Changes of the rows that are driven together
        whose sum is a multiple of `2^bits` go unseen without a fingerprint: an attacker's flips lie close together, so take
        more bits, or fewer word lines.
    repeats
        Reads of every pattern, whose mean is judged; None: as few as `false_alarms` and `misses` allow.
    reference
        What patterns must give: a multiple of `2^bits` (sums), for which nothing is kept; or what they gave when the
        checksums were programmed (fingerprint), one number per pattern and array, to which errors of programming, wires and
        drift that all cells share do not matter, but faults of that time do not show.
    """

    false_alarms: float = 5e-4
    misses: float = 1e-2
    word_lines: int = 8
    bits: int | None = None
    repeats: int | None = None
    reference: Literal["sums", "fingerprint"] = "sums"

    __repr__ = short_repr
    _repr_html_ = html_table

    def __post_init__(self) -> None:
        """Refuse tests that cannot be."""
        for name in ("false_alarms", "misses"):
            check_finite(name, getattr(self, name))
            if not 0 < getattr(self, name) < 1:
                raise FieldValueError(f"`{name}` must lie in (0, 1). Got {getattr(self, name)!r}.", name)
        check_integer("word_lines", self.word_lines, at_least=1)
        if self.bits is not None:
            check_integer("bits", self.bits, at_least=1, at_most=16)
        if self.repeats is not None:
            check_integer("repeats", self.repeats, at_least=1)
        check_choice("reference", self.reference, ("sums", "fingerprint"))
