"""The currents that ADCs see, for recorded inputs."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from crossbar.array import CrossbarArray
from crossbar.array.read_tables import find_conversions
from crossbar.converters import pulses, quantize_inputs
from crossbar.layers import AbstractAnalogLayer


@dataclass(frozen=True, kw_only=True)
class BitLineCurrents:
    """Currents of the converters that share word lines."""

    column: Tensor
    """Bit line of each converter, as a position in (tiles x cols), int64, (converters,)."""
    partner: Tensor | None
    """The bit line that is subtracted from it before it converts, or None."""
    currents: Tensor
    """Currents [S x pulse units], (reads, converters)."""


def recorded_codes(layer: AbstractAnalogLayer, x: Tensor) -> Tensor:
    """Return the input codes with which a layer drives its word lines for the input `x`, (vectors, inputs)."""
    codes = layer.array.code_range(x, vector_dimensions=layer.vector_dimensions)
    return layer.input_vectors(quantize_inputs(x, codes, layer.array.config.inputs))


def bit_line_currents(array: CrossbarArray, codes: Tensor) -> Iterator[BitLineCurrents]:
    """Yield the currents of a tiled read without read noise and converter errors.

    Parameters
    ----------
    array
        Programmed arrays that are read by the tiled plan.
    codes
        Input codes, (vectors, inputs).

    Yields
    ------
    BitLineCurrents
        Those of every cycle and phase in which any of the word lines is driven.
    """
    placement, adc = array.read_placement, array.config.adc
    found = find_conversions(placement, analog_subtraction=adc is not None and adc.subtraction == "analog")
    lines = array.transfer.transpose(1, 2).flatten(0, 1)  # (tiles x cols, rows)
    extra_bits = placement.largest_shift
    for block, tile in enumerate(found.block_tile.tolist()):
        chosen = found.block == block
        column = found.column[chosen]
        partner = None if found.partner is None else found.partner[chosen]
        matrix = lines[column] if partner is None else lines[column] - lines[partner]
        rows = placement.row_index[tile].to(torch.int64)
        drive = _pulses_of_lines(array, codes, rows, placement.row_shift[tile], extra_bits)
        yield BitLineCurrents(column=column, partner=partner, currents=drive @ matrix.t())


def _pulses_of_lines(array: CrossbarArray, codes: Tensor, rows: Tensor, shift: Tensor, extra_bits: int) -> Tensor:
    """Return the pulses on word lines that carry inputs `rows`, of all cycles and phases, (reads, rows)."""
    inputs = array.config.inputs
    driven = (codes[:, rows.clamp(min=0)] + inputs.offset_code) * (rows >= 0) * 2.0**shift
    if inputs.negative == "bipolar":
        drive = pulses(driven.abs(), inputs, extra_bits) * driven.sign()  # (cycles, vectors, rows)
    elif bool((driven < 0).any()):
        drive = torch.cat([pulses(phase.clamp(min=0), inputs, extra_bits) for phase in (driven, -driven)])
    else:
        drive = pulses(driven, inputs, extra_bits)
    reads = drive.flatten(0, 1)
    return reads[reads.any(1)]
