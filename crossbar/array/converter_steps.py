"""The current of one ADC code."""

from dataclasses import replace

import torch
from torch import Tensor

from crossbar.array.conversions import Conversions, currents_of
from crossbar.array.operation_units import driven_units, units_per_tile
from crossbar.array.programming import parallel_rows
from crossbar.array.solved import SolvedArrays
from crossbar.config import CrossbarConfig
from crossbar.converters import adc_step
from mapping import Placement


def calibrated_adc(config: CrossbarConfig) -> bool:
    """Return whether the ADC ranges come from calibration."""
    return config.adc is not None and config.adc.range == "calibrated"


def adc_signed(config: CrossbarConfig, placement: Placement) -> bool:
    """Return whether the currents that reach the ADCs have both signs."""
    return config.subtracts_pairs or config.inputs.negative == "bipolar" or placement.has_opposite_rows


def errors_of_units(errors: Tensor | None, placement: Placement, config: CrossbarConfig) -> Tensor | None:
    """Return the errors of the converter of each bit line as reads see them, (3, tiles or units, cols), or None.

    Converters belong to the bit lines of `placement`, (3, tiles, cols); the operation units of an array share them.
    """
    rows = parallel_rows(placement, config)
    if errors is None or rows is None or errors.shape[1] != placement.tiles:
        return errors
    driven = driven_units(placement, rows)
    return errors.repeat_interleave(units_per_tile(placement, rows), 1)[:, driven]


def adc_steps(solved: SolvedArrays, found: Conversions) -> Tensor | None:
    """Return the current of one ADC code per bit line [S x pulse units], (tiles, cols), or None without an ADC.

    It is 0 where a bit line cannot carry a current, or where its range is still to be calibrated.
    """
    config, placement = solved.config, solved.placement
    if config.adc is None or config.inputs.pulse_bits is None:
        return None
    if config.adc.range == "calibrated":
        return solved.calibrated_steps
    if config.adc.range == "column":
        largest = _column_currents(solved, found)
    else:
        # Of two word lines that carry an input with both signs, one adds to the current.
        rows = (placement.present & (placement.row_sign > 0)[:, :, None]).sum(1)  # cells of a bit line, (tiles, cols)
        largest = (rows * config.device.g_max).to(solved.transfer.dtype)
    return adc_step(
        config.adc,
        largest,
        largest_pulse=2**config.inputs.pulse_bits - 1,
        signed=adc_signed(config, placement),
    )


def _column_currents(solved: SolvedArrays, found: Conversions) -> Tensor:
    """Return the largest current of either sign that inputs can send to the converter of each line [S], (tiles, cols)."""
    bipolar = solved.config.inputs.negative == "bipolar"
    mean = solved if solved.mean_transfer is None else replace(solved, transfer=solved.mean_transfer)
    reach = largest_reach(currents_of(mean.signed_transfer, found), solved.placement, bipolar=bipolar)
    largest = reach.new_zeros(solved.placement.column_index.numel())
    for lines in (found.column, found.partner):
        if lines is not None:
            largest[lines] = reach
    return largest.view(solved.placement.column_index.shape)


def largest_reach(matrix: Tensor, placement: Placement, *, bipolar: bool) -> Tensor:
    """Return the largest sum of either sign that inputs can make of what conversions see, (conversions, rows)."""
    if placement.has_opposite_rows:  # one input drives both word lines of a pair
        matrix = matrix.view(len(matrix), -1, 2).sum(2)
    positive, negative = matrix.clamp(min=0).sum(1), matrix.clamp(max=0).sum(1).neg()
    return positive + negative if bipolar else torch.maximum(positive, negative)
