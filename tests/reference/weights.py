"""Weights to codes, and codes to planes of cell levels."""

import itertools
from dataclasses import dataclass

import numpy as np

from mapping import AdditivePowersOfTwoQuantizer, PowerOfTwoQuantizer, SMECodebook, TernaryQuantizer


@dataclass(frozen=True)
class Plane:
    """One slice of every weight."""

    levels: np.ndarray
    """(inputs, outputs)."""
    significance: int
    bits: int
    array: int
    """Planes of one number may lie side by side in one array."""


def magnitudes(mapping):
    """Return the magnitudes that a code may have, 0 among them, ascending."""
    quantizer, numbers = mapping.quantizer, range(2 ** (mapping.weight_bits - 1))
    if isinstance(quantizer, SMECodebook):
        found = [n for n in numbers if n % 2 ** max(n.bit_length() - quantizer.window, 0) == 0]
    elif isinstance(quantizer, PowerOfTwoQuantizer):
        found = [n for n in numbers if n.bit_count() <= 1]
    elif isinstance(quantizer, AdditivePowersOfTwoQuantizer):
        # Of every `terms`-th bit one at most is set.
        steps, bits = quantizer.terms, mapping.weight_bits - 1
        terms = [[0, *(2**bit for bit in range(first, bits, steps))] for first in range(steps)]
        found = sorted({sum(choice) for choice in itertools.product(*terms)})
    elif quantizer is None or isinstance(quantizer, TernaryQuantizer):
        found = numbers
    else:
        raise ValueError(f"The referee does not know {quantizer!r}.")
    return np.array(found)


def _units(weight, mapping):
    """Return weights (inputs, outputs) in units of a code, and that unit, () or (outputs,), 0 where all are zero."""
    granularity = (mapping.quantizer or mapping).granularity
    step = np.abs(weight).max(0 if granularity == "output" else None) / magnitudes(mapping)[-1]
    return np.divide(weight, step, out=np.zeros_like(weight), where=np.broadcast_to(step, weight.shape) > 0), step


def weight_codes(weight, mapping):
    """Round weights (inputs, outputs) to signed codes; return them and the weight of one code."""
    units, step = _units(weight, mapping)
    book = magnitudes(mapping)
    nearest = np.abs(np.abs(units)[..., None] - book).argmin(-1)
    return np.sign(units).astype(np.int64) * book[nearest], step


def tied_weights(weight, mapping, window):
    """Return which weights lie within a window of half way between two codes."""
    book = magnitudes(mapping)
    middle = (book[1:] + book[:-1]) / 2
    return (np.abs(np.abs(_units(weight, mapping)[0])[..., None] - middle) < window).any(-1)


def cells_of(bits, cell_bits):
    """Return (first bit, number of bits) of every cell that a number of `bits` needs, least significant first."""
    return [(first, min(cell_bits, bits - first)) for first in range(0, bits, cell_bits)]


def planes_of(codes, mapping):
    """Return the planes of signed codes, and the integer that every weight carries beside its cells."""
    bits, cell_bits = mapping.weight_bits, mapping.cell_bits

    def sliced(numbers, width, sign=1, array=0):
        return [
            Plane(levels=(numbers >> first) % 2**count, significance=sign * 2**first, bits=count, array=array)
            for first, count in cells_of(width, cell_bits)
        ]

    if mapping.encoding == "differential":
        return sliced(np.maximum(codes, 0), bits - 1) + sliced(np.maximum(-codes, 0), bits - 1, -1, 1), 0
    if mapping.encoding == "offset":
        return sliced(codes + 2 ** (bits - 1), bits), -(2 ** (bits - 1))
    if mapping.encoding == "twos_complement":
        sign = Plane(levels=(codes < 0).astype(np.int64), significance=-(2 ** (bits - 1)), bits=1, array=0)
        return [*sliced(codes % 2 ** (bits - 1), bits - 1), sign], 0
    raise ValueError(f"The referee does not know encoding={mapping.encoding!r}.")
