"""What noise alone does to a test, and how often patterns have to be read for a stated rate of false alarms."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import torch
from torch import Tensor

from crossbar.array import CrossbarArray
from crossbar.array.converter_steps import adc_steps
from crossbar.array.programming import level_step
from crossbar.self_test.arrays import cell_variances
from crossbar.self_test.checksums import CheckLines
from crossbar.self_test.settings import SelfTest
from devices.validation import FieldValueError

_ROUNDING = 1e-2
"""Standard deviation that single precision is given, in levels: sums of thousands of levels are exact to less."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PatternNoise:
    """Variances of the differences of a test, in squared levels, (tiles, patterns)."""

    fresh: Tensor
    """Of one read."""
    stays: Tensor
    """Of what is the same at every read."""

    def deviation(self, repeats: int, *, fingerprint: bool) -> Tensor:
        """Return the standard deviation of the mean of some reads, from a multiple of the modulus or from a fingerprint."""
        variance = 2 * self.fresh / repeats if fingerprint else self.fresh / repeats + self.stays
        return (variance + _ROUNDING**2).sqrt()


def pattern_noise(test: CrossbarArray, patterns: Tensor, weights: Tensor) -> PatternNoise:
    """Return the noise of each pattern by the device's own model: cells on their levels, and rounding by converters.

    Parameters
    ----------
    test
        Arrays of `make_test_array`.
    patterns
        Which rows are driven, (patterns, rows).
    weights
        What each bit line adds, (tiles, lines).
    """
    fresh, stays = (torch.einsum("pr,trc->tpc", patterns, variance) for variance in cell_variances(test))
    rounding, shaken = _rounding(test, fresh)
    squared = weights.square()[:, None, :]
    # Bit lines with equal levels round alike, so what noise does not shake adds up as it is, not by its squares.
    alike = (rounding.sqrt() * ~shaken * weights.abs()[:, None, :]).sum(2).square()
    return PatternNoise(fresh=((fresh + rounding * shaken) * squared).sum(2), stays=(stays * squared).sum(2) + alike)


def _rounding(test: CrossbarArray, fresh: Tensor) -> tuple[Tensor, Tensor]:
    """Return the variance of rounding to codes, in squared levels, and whether noise makes it fresh at every read."""
    solved = test.solved()
    steps = adc_steps(solved, test.conversions())
    if steps is None:
        nothing = torch.zeros_like(fresh)
        return nothing, nothing.bool()
    pulse = 2 ** (test.config.inputs.pulse_bits or 0) - 1
    one_level = level_step(solved.placement, test.config.device) * pulse
    code = torch.where(one_level > 0, steps / one_level, 0)[:, None, :].expand_as(fresh)  # levels of one code
    return code.square() / 12, fresh.sqrt() > code / 2


def threshold(settings: SelfTest, patterns: int) -> float:
    """Return the standard deviations beyond which a pattern raises an alarm, at the rate for all patterns of an array."""
    return NormalDist().inv_cdf(1 - settings.false_alarms / (2 * patterns))


def needed_repeats(name: str, noise: PatternNoise, lines: CheckLines, settings: SelfTest, *, patterns: int) -> int:
    """Return how often each pattern of a layer is read.

    Raises
    ------
    ValueError
        If no number of reads tells one level, or half of the modulus, from what stays on the cells.
    """
    by_sums = settings.reference == "sums"
    reach = threshold(settings, patterns)
    if settings.repeats is None:
        spread = (reach + NormalDist().inv_cdf(1 - settings.misses)) ** 2
        left = 1 - spread * ((float(noise.stays.max()) if by_sums else 0.0) + _ROUNDING**2)
        if left <= 0:
            raise _refusal(name, float(noise.stays.max()) ** 0.5, 1 / spread**0.5)
        return max(1, math.ceil(spread * (1 if by_sums else 2) * float(noise.fresh.max()) / left))
    deviation = float(noise.deviation(settings.repeats, fingerprint=not by_sums).max())
    if by_sums and reach * deviation >= lines.modulus / 2:
        raise _refusal(name, deviation, lines.modulus / 2 / reach)
    return settings.repeats


def _refusal(name: str, deviation: float, allowed: float) -> FieldValueError:
    return FieldValueError(
        f"`settings` cannot test layer `{name}`: its patterns must deviate by less than {allowed:.2g} levels. Got "
        f"{deviation:.2g}, most of which stays or is not averaged. Use reference='fingerprint', fewer word_lines, or more "
        "repeats.",
        "settings",
    )
