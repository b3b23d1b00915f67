"""What is known of a technology to go wrong, as an error of the weights."""

from dataclasses import dataclass

import torch
from torch import Tensor

from crossbar.compensation.allot import achieved
from crossbar.compensation.arrays import Arrays
from crossbar.compensation.cell_range import CellRange
from crossbar.compensation.solve import Targets
from crossbar.converters import highest_code
from devices import Device, ExactProgramming

CAUSES = ("reach", "programming", "read_noise", "adc")
"""Targets out of reach or between levels; programming error; read noise; steps of the ADC."""


@dataclass(frozen=True, kw_only=True)
class ErrorShares:
    """Sums of squared errors over the weights of some arrays, in integer units."""

    causes: Tensor
    """One for each of `CAUSES`, on the CPU, float64, (causes,)."""
    power: float
    """Sum of the squared weights themselves."""

    def __add__(self, other: "ErrorShares") -> "ErrorShares":
        """Add those of other arrays."""
        return ErrorShares(causes=self.causes + other.causes, power=self.power + other.power)

    @property
    def relative(self) -> Tensor:
        """Rms error by each cause, relative to the weights, (causes,)."""
        return (self.causes / self.power).sqrt() if self.power else torch.zeros_like(self.causes)


def expected_error(arrays: Arrays, targets: Targets, scale: float, reach: CellRange, time: float) -> ErrorShares:
    """Return the squared errors to expect of targets, by the corrected first-order law.

    Deviations of cells count behind their attenuation. A converter's step gives every conversion a variance of
    `step^2 / 12`, told as one of the weights whose products it converts: inputs are taken as even over their range.
    """
    cells, device = arrays.cells, arrays.config.device
    share = arrays.attenuation(targets.conductance, exact=False).mul_(targets.correction)
    transfer = share * targets.conductance
    base = None if targets.base is None else cells.collect(targets.base)
    signal = scale * arrays.step
    squares = [(achieved(cells, cells.collect(transfer), base, signal) - cells.code).square()]
    worth = (cells.unit / signal)[:, None, None, None]  # integer units per siemens at the output
    for variance in (
        _behind(share, _programming_variance(device, targets.conductance, reach)),
        _behind(share, _read_variance(device, targets.conductance, reach, time)),
        None if arrays.config.adc is None else _converter_variance(arrays, transfer),
    ):
        if variance is None:
            squares.append(torch.zeros_like(cells.code))
        else:
            squares.append((cells.collect(variance) * worth**2).sum((1, 2)))
    sums = torch.stack([(square * arrays.importance).sum(dtype=torch.float64) for square in squares])
    codes = cells.code + arrays.placement.digital_offset
    return ErrorShares(causes=sums.cpu(), power=float((codes.square() * arrays.importance).sum()))


def _behind(share: Tensor, variance: Tensor | None) -> Tensor | None:
    """Return the variance that is left of that of cells behind their attenuation."""
    return None if variance is None else variance * share.square()


def _programming_variance(device: Device, conductance: Tensor, reach: CellRange) -> Tensor | None:
    """Return the variance that programming leaves cells with, seen at the time of the read [S^2]."""
    if isinstance(device.programming, ExactProgramming):
        return None
    asked = reach.asked(conductance)
    moved = torch.where(asked > 0, conductance / asked, 1)
    return (device.programming.sigma(asked, device.window) * moved).square()


def _read_variance(device: Device, conductance: Tensor, reach: CellRange, time: float) -> Tensor | None:
    """Return the variance of cells from read to read, or from chip to chip [S^2]."""
    if device.read_noise is None:
        return None
    asked = reach.asked(conductance)
    return device.read_noise.sigma(conductance, target=asked, window=device.window, t=time).square()


def _converter_variance(arrays: Arrays, transfer: Tensor) -> Tensor:
    """Return what the steps of converters add to the entries of transfer matrices, as a variance [S^2]."""
    inputs, adc = arrays.config.inputs, arrays.config.adc
    if adc is None or inputs.bits is None or inputs.pulse_bits is None:
        return torch.zeros_like(transfer)
    cycles = torch.arange(inputs.cycles(), dtype=torch.float64)
    power = (2.0**inputs.bits - 1) ** 2 / 3  # mean square of inputs even over their range
    reads = float((4.0 ** (cycles * inputs.pulse_bits)).sum()) / 12 / power
    if adc.subtraction == "analog":
        reads /= 2  # one conversion for the two cells of a pair
    steps = _steps(arrays, transfer, 2**inputs.pulse_bits - 1)
    return (steps.square() * (reads / arrays.rows_at_once.clamp(min=1)[:, None]))[:, None, :].expand(transfer.shape)


def _steps(arrays: Arrays, transfer: Tensor, largest_pulse: float) -> Tensor:
    """Return the current of one ADC code, (tiles, cols); a range still to be calibrated counts as that of the column."""
    adc, rows = arrays.config.adc, arrays.rows_at_once
    if adc is None:
        return transfer.new_zeros(transfer.shape[0], transfer.shape[2])
    if adc.range == "full":
        largest = (rows * arrays.config.device.g_max)[:, None].expand(-1, transfer.shape[2])
    else:
        share = rows / arrays.placement.used.any(2).sum(1).clamp(min=1)
        largest = transfer.sum(1) * share[:, None]
    signed = adc.subtraction == "analog" or arrays.config.inputs.negative == "bipolar"
    return largest * (adc.fraction * largest_pulse / highest_code(adc, signed=signed))
