"""The read of one weight matrix: drive, currents, conversions, and the periphery up to weight units."""

import itertools
from dataclasses import dataclass

import numpy as np

from tests.reference.circuit import transfer
from tests.reference.converters import added_code, convert, highest_code, phases, pulses, tied

_NOTHING = 1e-9
"""Conductance of a bit line, over g_max, below which it carries no current but rounding errors."""


@dataclass
class Sums:
    """What a read adds up in the integer units of the weights, each (vectors, outputs)."""

    value: np.ndarray
    magnitude: np.ndarray
    """Sum of the absolute values of all terms."""
    slack: np.ndarray
    """How far conversions that are ties may lead."""
    conversions: int = 0
    ties: int = 0


@dataclass(frozen=True)
class Unit:
    """Word lines of an array that are driven together."""

    rows: slice
    number: int
    """Counted from the sense end of the array."""
    transfer: np.ndarray
    """Of the inputs, negative where a word line carries its input with opposite polarity, (rows of the unit, cols)."""


@dataclass(frozen=True)
class Window:
    """Lowest and highest conductance of a cell [S]."""

    low: float
    high: float

    def step(self, line):
        """Return the conductance of one level [S]."""
        return (self.high - self.low) / (2**line.bits - 1)


def units_of(array, conductance, config):
    """Return the operation units of an array of conductances [S], (rows, cols)."""
    rows, signs = len(conductance), np.array(array.signs)[:, None]
    height = config.parallel_rows or rows
    whole = None if config.undriven == "open" else transfer(conductance, config.wires)
    units = []
    for number, last in enumerate(range(rows, 0, -height)):
        own = slice(max(0, last - height), last)
        if whole is None:
            closed = np.zeros_like(conductance)
            closed[own] = conductance[own]
            units.append(Unit(own, number, (signs * transfer(closed, config.wires))[own]))
        else:
            units.append(Unit(own, number, (signs * whole)[own]))
    return units


def read(arrays, chip, codes, config, *, sums):
    """Read all arrays for integer input codes (vectors, inputs): a `Sums` with `sums` outputs."""
    shape = (len(codes), sums)
    total = Sums(np.zeros(shape), np.zeros(shape), np.zeros(shape))
    units = [units_of(array, chip.conductance(array), config) for array in arrays]
    for array, own in zip(arrays, units, strict=True):
        for unit in own:
            for conversion in _conversions(array, unit, arrays, units, chip, config):
                for sign, driven in phases(codes, config.inputs):
                    _read_unit(total, array, unit, conversion, sign * 1.0, driven, config)
    return total


@dataclass(frozen=True)
class _Conversion:
    """The bit lines of a unit that are converted, and how."""

    outputs: np.ndarray
    difference: np.ndarray
    """Transfer matrix, or the difference of two, (rows, lines)."""
    size: np.ndarray
    """Sum of both instead."""
    worth: np.ndarray
    """Weight units of one siemens, (lines,)."""
    step: np.ndarray | None
    """Siemens times pulse units of one ADC code, (lines,); 0 for a line without current."""
    condition: np.ndarray
    """How many times the rounding errors of currents are relative ones of the step, (lines,)."""
    errors: np.ndarray | None
    """(3, lines)."""


def _conversions(array, unit, arrays, units, chip, config):
    """Return what is converted of a unit; nothing for the arrays that are subtracted before the converter."""
    window = Window(config.device.g_min, config.device.g_max)
    analog = config.adc is not None and config.adc.subtraction == "analog" and config.mapping.pairs != "word_lines"
    chosen = [j for j, line in enumerate(array.lines) if line.significance > 0 or not analog]
    if not chosen:
        return []
    difference = unit.transfer[:, chosen]
    size = np.abs(difference)
    if analog:
        partner = np.stack([_partner(array, unit, array.lines[j], arrays, units) for j in chosen], 1)
        difference, size = difference - partner, size + np.abs(partner)
    step = errors = None
    condition = np.ones(len(chosen))
    if config.adc is not None:
        step = chip.calibrated_steps(array, unit.number)
        if step is None:
            step = adc_steps(array, unit, chosen, difference, config)
            if config.adc.range == "column":
                step = np.where(size.sum(0) > _NOTHING * window.high, step, 0)
                reach = np.abs(difference).sum(0)
                condition = np.divide(size.sum(0), reach, out=condition, where=reach > 0)
        else:
            step = step[chosen]
        errors = chip.converter_errors(array)[:, chosen]
    lines = [array.lines[j] for j in chosen]
    return [
        _Conversion(
            outputs=np.array([line.output for line in lines]),
            difference=difference,
            size=size,
            worth=np.array([line.significance / window.step(line) for line in lines]),
            step=step,
            condition=condition,
            errors=errors,
        )
    ]


def _partner(array, unit, line, arrays, units):
    """Return the transfer column of the line that is subtracted from `line`."""
    for other, own in zip(arrays, units, strict=True):
        if other.word_lines != array.word_lines:
            continue
        for j, candidate in enumerate(other.lines):
            if candidate.output == line.output and candidate.significance == -line.significance:
                return next(u for u in own if u.number == unit.number).transfer[:, j]
    raise LookupError("A bit line has no partner to be subtracted from.")


def adc_signed(config):
    """Return whether currents of both signs reach the converters."""
    opposite = config.mapping.pairs == "word_lines"
    return config.adc.subtraction == "analog" or config.inputs.negative == "bipolar" or opposite


def adc_steps(array, unit, chosen, difference, config):
    """Return the current of one code of the converters of `chosen` lines, in siemens times pulse units."""
    adc, inputs = config.adc, config.inputs
    bipolar = inputs.negative == "bipolar"
    if adc.range == "full":
        # Of the two word lines that may carry an input, one adds to the current.
        signs = np.array(array.signs[unit.rows])[:, None]
        plus, minus = ((array.cells[unit.rows] & (signs == sign)).sum(0) for sign in (1, -1))
        largest = np.maximum(plus, minus)[chosen] * config.device.g_max
    else:
        own = np.array(array.inputs[unit.rows])
        by_input = np.stack([difference[own == number].sum(0) for number in dict.fromkeys(own)])
        above, below = np.maximum(by_input, 0).sum(0), np.maximum(-by_input, 0).sum(0)
        largest = above + below if bipolar else np.maximum(above, below)
    pulse = 2 ** (inputs.dac_bits or inputs.bits) - 1
    return adc.fraction * largest * pulse / highest_code(adc, signed=adc_signed(config))


def _read_unit(total, array, unit, conversion, sign, driven, config):
    """Add one phase of one unit to the sums. Vectors that drive none of its word lines are not read."""
    shifts = array.shifts[unit.rows]
    driven = driven[:, list(array.inputs[unit.rows])] * 2 ** np.array(shifts)  # (vectors, rows)
    active = driven.any(1)
    for weight, drive in pulses(driven[active], config.inputs, max(shifts)):
        units, spread = drive @ conversion.difference, np.abs(drive) @ conversion.size
        worth = conversion.worth * weight
        ties = np.zeros(units.shape, dtype=bool)
        if conversion.step is not None:
            signed = adc_signed(config)
            in_codes = np.divide(1, conversion.step, out=np.zeros_like(worth), where=conversion.step > 0)
            units, value = convert(units * in_codes, config.adc, conversion.errors, signed=signed)
            ties = tied(value, spread * in_codes, highest_code(config.adc, signed=signed))
            # Where currents cancel and the range was fitted to what is left, rounding errors are worth many codes.
            lost = np.maximum(1, 1e-6 * spread * in_codes)
            worth = worth * conversion.step
            spread = np.abs(units) * conversion.condition
            ties = ties * lost * (conversion.step > 0)
        total.conversions += ties.size
        total.ties += np.count_nonzero(ties)
        for number, output in enumerate(conversion.outputs):
            total.value[active, output] += sign * worth[number] * units[:, number]
            total.magnitude[active, output] += np.abs(worth[number]) * spread[:, number]
            total.slack[active, output] += np.abs(worth[number]) * ties[:, number]


def finish(total, arrays, codes, offset, config, *, outputs, groups, gain):
    """Subtract reference columns and add what the periphery knows, in weight units: value, magnitude, slack.

    `gain` (outputs,) multiplies what the arrays give, not what the periphery adds.
    """
    value, magnitude, slack = (part[:, :outputs].copy() for part in (total.value, total.magnitude, total.slack))
    carried = np.zeros(outputs)
    seen = set()
    for array in arrays:
        for reference in (line for line in array.lines if line.reference):
            if reference.output in seen:
                continue
            seen.add(reference.output)
            for line in array.lines:
                if line.reference:
                    continue
                share = line.significance * (2**line.bits - 1)
                carried[line.output] += share / 2
                value[:, line.output] -= share * total.value[:, reference.output]
                magnitude[:, line.output] += np.abs(share) * total.magnitude[:, reference.output]
                slack[:, line.output] += np.abs(share) * total.slack[:, reference.output]
    value, magnitude, slack = value * gain, magnitude * np.abs(gain), slack * np.abs(gain)
    inputs = codes.shape[1]
    own = np.arange(inputs)[:, None] // (inputs // groups) == np.arange(outputs) // (outputs // groups)
    digital = own * (offset + carried)
    if not seen:
        digital = digital - resting(arrays, config, inputs, outputs)
    driven = codes + (added_code(config.inputs) if config.inputs.bits else 0)
    value += driven @ digital
    magnitude += np.abs(driven) @ np.abs(digital)
    return value, magnitude, slack


def resting(arrays, config, inputs, outputs):
    """Return with what weight the lowest conductance of the cells joins inputs to outputs where wires take nothing."""
    window = Window(config.device.g_min, config.device.g_max)
    matrix = np.zeros((inputs, outputs))
    for array in arrays:
        for (row, sign, shift), cells in zip(array.word_lines, array.cells, strict=True):
            for line in itertools.compress(array.lines, cells):
                matrix[row, line.output] += sign * line.significance * 2**shift * window.low / window.step(line)
    return matrix


def stored_codes(arrays, offset, inputs, outputs):
    """Return the integers that the arrays and the digital offset stand for, (inputs of a group, outputs)."""
    matrix = np.full((inputs, outputs), float(offset))
    for array in arrays:
        for (row, sign, shift), levels in zip(array.word_lines, array.levels, strict=True):
            for line, level in zip(array.lines, levels, strict=True):
                if not line.reference:
                    matrix[row % inputs, line.output] += sign * line.significance * 2**shift * level
    return matrix
