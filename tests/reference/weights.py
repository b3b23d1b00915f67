"""Weights to codes, and codes to planes of cell levels."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Plane:
    """One slice of every weight."""

    levels: np.ndarray
    """(inputs, outputs)."""
    significance: int
    bits: int
    array: int
    """Planes of one number may lie side by side in one array."""


def code_steps(weight, mapping):
    """Return the weight of one code, () or (outputs,), 0 where every weight is zero."""
    largest = np.abs(weight).max(0 if mapping.granularity == "output" else None)
    return largest / (2 ** (mapping.weight_bits - 1) - 1)


def weight_codes(weight, mapping):
    """Round weights (inputs, outputs) to signed codes; return them and the weight of one code."""
    step = code_steps(weight, mapping)
    units = np.divide(weight, step, out=np.zeros_like(weight), where=np.broadcast_to(step, weight.shape) > 0)
    return np.rint(units).astype(np.int64), step


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
