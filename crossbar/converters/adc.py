"""Analog-to-digital conversion of bit-line currents."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from devices.validation import check_choice, check_integer, check_positive


@dataclass(frozen=True, kw_only=True)
class ADC:
    """A converter per bit line: uniform steps over its range, clipping beyond."""

    bits: int = 8
    """Resolution: codes 0 .. 2^bits - 1, or -(2^(bits-1) - 1) .. 2^(bits-1) - 1 where currents have both signs."""
    range: Literal["full", "column", "calibrated"] = "full"
    """Current of the last code: every used cell of the tile at g_max and fully driven (full), the largest current that
    the programmed cells of a bit line can give (column), or set by `calibration.calibrate_adc_ranges` (calibrated)."""
    fraction: float = 1.0
    """Part of that current that the range covers; less than 1 trades clipping for finer steps."""

    def __post_init__(self) -> None:
        """Refuse converters that cannot be."""
        check_integer("bits", self.bits, at_least=1, at_most=24, hint="Use adc=None for an ideal read-out.")
        check_choice("range", self.range, ("full", "column", "calibrated"))
        check_positive("fraction", self.fraction)


def highest_code(adc: ADC, *, signed: bool) -> int:
    """Return the largest code of a converter; `signed` ones spend a bit on the sign."""
    return int(2 ** (adc.bits - 1) - 1) if signed else int(2**adc.bits - 1)


def adc_step(adc: ADC, transfer: Tensor, used: Tensor, *, g_max: float, largest_pulse: float, signed: bool) -> Tensor:
    """Return the current of one ADC code, in siemens times pulse units, (tiles, cols).

    Parameters
    ----------
    adc
        Resolution and range.
    transfer
        Transfer matrices of the tiles [S], (tiles, rows, cols).
    used
        Whether a cell exists, (tiles, rows, cols).
    g_max
        Upper end of the conductance window [S].
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
    if adc.range == "column":
        largest = transfer.sum(1)
    else:
        largest = (used.any(2).sum(1) * g_max).to(transfer.dtype)[:, None].expand(-1, transfer.shape[2])
    step = adc.fraction * largest * largest_pulse / highest_code(adc, signed=signed)
    return torch.where(step > 0, step, torch.ones_like(step))


def convert(currents: Tensor, adc: ADC, *, signed: bool) -> Tensor:
    """Round currents, given in units of the ADC step, to codes and clip them to the range, in place.

    Half codes round up, so a common offset of a pair of columns moves both to the same side.
    """
    highest = highest_code(adc, signed=signed)
    return currents.add_(0.5).floor_().clamp_(-highest if signed else 0, highest)


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
    return largest.bit_length()
