"""Inputs to codes and pulses; currents to codes."""

from dataclasses import dataclass

import numpy as np

TIE = 1e-4


@dataclass(frozen=True)
class Coded:
    """Inputs as integers, of the shape of the inputs."""

    codes: np.ndarray
    units: np.ndarray
    """The same before rounding."""
    scale: np.ndarray
    """Input of one code, broadcastable; 0 where a dynamic range holds nothing but zeros."""


def code_inputs(x, inputs, *, vector_dimensions, static_range=None):
    """Round inputs to codes; the last `vector_dimensions` dimensions are one vector."""
    if inputs.bits is None:
        return Coded(x, np.zeros_like(x), np.ones((1,) * x.ndim))
    if inputs.range == "static":
        lowest, highest = (np.full((1,) * x.ndim, bound) for bound in static_range)
    else:
        per_vector = inputs.range == "vector" and x.ndim > vector_dimensions
        axes = tuple(range(x.ndim - vector_dimensions, x.ndim)) if per_vector else tuple(range(x.ndim))
        lowest, highest = x.min(axes, keepdims=True), x.max(axes, keepdims=True)
    signed = (lowest < 0) | (inputs.negative == "offset")
    # One bit is a spike, whose sign is the polarity or the phase of its pulse.
    top = np.where(signed & (inputs.bits > 1), 2 ** (inputs.bits - 1) - 1, 2**inputs.bits - 1)
    scale = np.maximum(highest, -lowest) / top
    units = np.divide(x, scale, out=np.zeros_like(x), where=np.broadcast_to(scale, x.shape) > 0)
    if inputs.range == "static":
        units = np.clip(units, np.where(signed, -top, 0), top)
    return Coded(np.rint(units), units, scale)


def added_code(inputs):
    """Return the code that is added to every input."""
    return 2 ** (inputs.bits - 1) if inputs.negative == "offset" else 0


def phases(codes, inputs):
    """Return the codes that are driven one phase after the other, and the sign of each phase."""
    if inputs.negative == "offset":
        return [(1, codes + added_code(inputs))]
    if inputs.negative == "two_phase":
        return [(1, np.maximum(codes, 0)), (-1, np.maximum(-codes, 0))]
    return [(1, codes)]


def pulses(driven, inputs, largest_shift=0):
    """Yield (weight, pulses) of successive cycles for codes on word lines, any shape."""
    if inputs.bits is None:
        yield 1, driven
        return
    width = inputs.dac_bits or inputs.bits
    magnitude, sign = np.abs(driven).astype(np.int64), np.sign(driven)
    for first in range(0, inputs.bits + largest_shift, width):
        yield 2**first, sign * ((magnitude >> first) % 2**width)


def highest_code(adc, *, signed):
    """Return the largest code of a converter."""
    return 2 ** (adc.bits - 1) - 1 if signed else 2**adc.bits - 1


def convert(units, adc, errors, *, signed):
    """Return the codes of currents given in steps, (vectors, converters), and the values that were rounded."""
    highest = highest_code(adc, signed=signed)
    gain, offset, bow = errors
    value = units * (1 + gain)
    reach = np.clip(value / highest, -1, 1)
    value = value + bow * 4 * reach * (1 - np.abs(reach)) + offset
    return np.clip(np.rint(value), -highest if signed else 0, highest), value


def half_way(value, window=TIE):
    """Return where a number lies so close to half way between two integers that float32 may round it either way."""
    return np.abs(value - np.floor(value) - 0.5) < window


def tied(value, spread, highest):
    """Return which conversions are ties; `spread` is the sum of |terms| that made the values."""
    return half_way(value, np.maximum(TIE, 1e-6 * spread)) & (np.abs(value) < highest + 1)
