"""From transfer matrices to the tables of a tiled read."""

import torch
from torch import Tensor

from crossbar.array.collapse import column_factor
from crossbar.array.read_tables import ReadTables, find_conversions
from crossbar.array.tiled_read import ReadSettings
from crossbar.config import CrossbarConfig
from crossbar.converters import adc_step, highest_code
from mapping import Placement


def adc_signed(config: CrossbarConfig) -> bool:
    """Return whether the currents that reach the ADCs have both signs."""
    subtracted = config.adc is not None and config.adc.subtraction == "analog"
    return subtracted or config.inputs.negative == "bipolar"


def adc_steps(placement: Placement, config: CrossbarConfig, transfer: Tensor) -> Tensor | None:
    """Return the current of one ADC code per bit line [S x pulse units], (tiles, cols), or None without an ADC."""
    if config.adc is None or config.inputs.pulse_bits is None:
        return None
    return adc_step(
        config.adc,
        transfer,
        placement.used,
        g_max=config.device.g_max,
        largest_pulse=2**config.inputs.pulse_bits - 1,
        signed=adc_signed(config),
    )


def read_settings(placement: Placement, config: CrossbarConfig, *, clips: bool) -> ReadSettings:
    """Collect what a tiled read knows beside its tables."""
    inputs = config.inputs
    extra_bits = placement.largest_shift
    signed = adc_signed(config)
    return ReadSettings(
        sums=placement.outputs_and_references,
        cycles=inputs.cycles(extra_bits),
        pulse_bits=inputs.pulse_bits or 0,
        code_bits=(inputs.bits or 0) + extra_bits,
        input_offset=inputs.offset_code,
        two_phase=inputs.negative == "two_phase",
        bipolar=inputs.negative == "bipolar",
        highest=0 if config.adc is None else highest_code(config.adc, signed=signed),
        signed=signed,
        clips=clips,
        chunk=config.chunk,
    )


def read_tables(
    placement: Placement,
    config: CrossbarConfig,
    *,
    transfer: Tensor,
    variance: Tensor | None,
    steps: Tensor | None,
    errors: Tensor | None,
) -> tuple[ReadTables, Tensor]:
    """Lay the bit lines of a placement out as conversions.

    Parameters
    ----------
    placement
        Where the cells are; operation units as tiles of their own.
    config
        Device and converters.
    transfer
        Transfer matrices [S], (tiles, rows, cols).
    variance
        Read-noise variance of their entries [S^2], or None.
    steps
        Current of one ADC code, (tiles, cols), or None without an ADC.
    errors
        Relative gain error, offset and non-linearity [codes] of the converter of each bit line, (3, tiles, cols), or
        None where converters have none.

    Returns
    -------
    tuple
        The tables, and the block of each conversion.
    """
    analog = config.adc is not None and config.adc.subtraction == "analog"
    found = find_conversions(placement, analog_subtraction=analog)
    matrix = _by_conversion(transfer, found.column)
    noise = None if variance is None else _by_conversion(variance, found.column)
    if found.partner is not None:
        matrix = matrix - _by_conversion(transfer, found.partner)
        noise = None if variance is None or noise is None else noise + _by_conversion(variance, found.partner)
    factor = column_factor(placement, config.device).flatten()[found.column]
    offset = bow = None
    if steps is not None:
        step = steps.flatten()[found.column]
        factor = factor * step
        gain = 1.0
        if errors is not None:
            relative, offset, bow = errors.flatten(1)[:, found.column]
            gain = (1 + relative)[:, None]
        codes_per_siemens = gain / step[:, None]
        matrix = matrix * codes_per_siemens
        # One after the other: behind wires an open bit line has a step of rounding errors, whose square underflows.
        noise = None if noise is None else noise * codes_per_siemens * codes_per_siemens
    tables = ReadTables(
        matrix=matrix,
        variance=noise,
        output=found.output,
        factor=factor,
        adc_offset=offset,
        adc_bow=bow,
        row_index=placement.row_index[found.block_tile].to(torch.int64),
        row_shift=placement.row_shift[found.block_tile].to(torch.int64),
    )
    return tables, found.block


def may_clip(tables: ReadTables, config: CrossbarConfig) -> bool:
    """Return whether any input can drive a converter beyond its range, so that reads have to clip."""
    if config.adc is None or config.inputs.pulse_bits is None:
        return False
    if tables.variance is not None or tables.adc_offset is not None:
        return True
    largest = float(tables.matrix.abs().sum(1).max()) * (2**config.inputs.pulse_bits - 1) if len(tables.matrix) else 0.0
    return largest > highest_code(config.adc, signed=adc_signed(config)) + 0.49


def _by_conversion(values: Tensor, column: Tensor) -> Tensor:
    """Pick bit lines, (tiles, rows, cols) -> (conversions, rows)."""
    return values.transpose(1, 2).flatten(0, 1)[column]
