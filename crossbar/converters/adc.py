"""Analog-to-digital conversion of bit-line currents."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from devices.arguments import checked
from devices.display import html_table, short_repr
from devices.plausibility import warn_ratio
from devices.validation import check_choice, check_integer, check_nonnegative, check_positive


@dataclass(frozen=True, kw_only=True)
class ADC:
    """A converter per bit line: uniform steps over its range, clipping beyond.

    Parameters
    ----------
    bits
        Resolution: codes 0 .. 2^bits - 1, or -(2^(bits-1) - 1) .. 2^(bits-1) - 1 where currents have both signs.
    range
        Current of the last code: every used cell of the tile at g_max and fully driven (full), the largest current that
        the programmed cells of a bit line can give (column), or set by `calibration.calibrate_adc_ranges` (calibrated).
    fraction
        Part of that current that the range covers; less than 1 trades clipping for finer steps.
    subtraction
        Convert both bit lines of a differential pair and subtract codes, or subtract currents and convert once. Pairs
        on adjacent word lines (mapping.pairs="word_lines") are subtracted on their bit line either way.
    gain_spread
        Standard deviation of the relative gain error from converter to converter, drawn at programming.
    offset_spread
        Standard deviation of the offset from converter to converter [codes], drawn at programming.
    nonlinearity_spread
        Standard deviation of the integral non-linearity at half range [codes], drawn at programming; a converter
        deviates by `bow * 4 u (1 - |u|)` where u is the current over the range.
    """

    bits: int = 8
    range: Literal["full", "column", "calibrated"] = "full"
    fraction: float = 1.0
    subtraction: Literal["digital", "analog"] = "digital"
    gain_spread: float = 0.0
    offset_spread: float = 0.0
    nonlinearity_spread: float = 0.0

    __repr__ = short_repr
    _repr_html_ = html_table

    def __post_init__(self) -> None:
        """Refuse converters that cannot be."""
        check_integer("bits", self.bits, at_least=1, at_most=24, hint="Use adc=None for an ideal read-out.")
        check_choice("range", self.range, ("full", "column", "calibrated"))
        check_positive("fraction", self.fraction)
        check_choice("subtraction", self.subtraction, ("digital", "analog"))
        for name in ("gain_spread", "offset_spread", "nonlinearity_spread"):
            check_nonnegative(name, getattr(self, name))
        warn_ratio("gain_spread", self.gain_spread)

    @property
    def has_errors(self) -> bool:
        """Whether converters differ from one another."""
        return bool(self.gain_spread or self.offset_spread or self.nonlinearity_spread)


def highest_code(adc: ADC, *, signed: bool) -> int:
    """Return the largest code of a converter; `signed` ones spend a bit on the sign."""
    return int(2 ** (adc.bits - 1) - 1) if signed else int(2**adc.bits - 1)


def adc_step(adc: ADC, largest_current: Tensor, *, largest_pulse: float, signed: bool) -> Tensor:
    """Return the current of one ADC code, in siemens times pulse units, in the shape of `largest_current`.

    Parameters
    ----------
    adc
        Resolution and fraction.
    largest_current
        Largest current that reaches each converter, per volt of a full pulse [S].
    largest_pulse
        Largest pulse, in pulse units (2^pulse_bits - 1).
    signed
        Whether currents have both signs.

    Raises
    ------
    ValueError
        If a signed converter has one bit only, which leaves no code but zero.
    """
    if signed and adc.bits < 2:
        raise ValueError("`bits` of an ADC must be >= 2 where inputs are negative voltages. Got 1.")
    return largest_current * (adc.fraction * largest_pulse / highest_code(adc, signed=signed))


def draw_converter_errors(
    adc: ADC, shape: tuple[int, ...], *, generator: torch.Generator | None = None, device: torch.device | None = None
) -> Tensor:
    """Draw the static errors of converters of any `shape`: relative gain error, offset and bow [codes], (3, *shape)."""
    spread = torch.tensor([adc.gain_spread, adc.offset_spread, adc.nonlinearity_spread], device=device)
    deviates = torch.randn((3, *shape), generator=generator, device=device)
    return deviates * spread.view(3, *(1,) * len(shape))


@checked
def lossless_bits(rows: int, cell_bits: int, pulse_bits: int) -> int:
    """Return the ADC resolution that tells apart every sum a bit line of ideal cells can give.

    Parameters
    ----------
    rows
        Word lines driven at a time.
    cell_bits
        Bits of a cell.
    pulse_bits
        Bits of one input pulse.
    """
    largest = rows * (2**cell_bits - 1) * (2**pulse_bits - 1)
    return int(largest).bit_length()
