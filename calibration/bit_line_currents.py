"""The currents that ADCs see, for recorded inputs."""

import torch
from torch import Tensor

from crossbar.array import CrossbarArray
from crossbar.converters import pulses, quantize_inputs
from crossbar.layers import AbstractAnalogLayer


def recorded_codes(layer: AbstractAnalogLayer, x: Tensor) -> Tensor:
    """Return the input codes with which a layer drives its word lines for the input `x`, (vectors, inputs)."""
    codes = layer.array.code_range(x, vector_dimensions=layer.vector_dimensions)
    return layer.input_vectors(quantize_inputs(x, codes, layer.array.config.inputs))


def bit_line_currents(array: CrossbarArray, codes: Tensor, tile: int) -> Tensor:
    """Return the currents of one tile for input codes, without read noise.

    Parameters
    ----------
    array
        Programmed arrays that are read by the tiled plan.
    codes
        Input codes, (vectors, inputs).
    tile
        Which tile.

    Returns
    -------
    Tensor
        Currents in siemens x pulse units, of every cycle and phase that drives a line, (reads, cols).
    """
    placement, config = array.placement, array.config.inputs
    rows = placement.row_index[tile].to(torch.int64)
    shift = placement.row_shift
    extra_bits = int(shift.max())
    driven = codes[:, rows.clamp(min=0)] * (rows >= 0) * 2.0 ** shift[tile]
    if config.negative == "bipolar":
        drive = pulses(driven.abs(), config, extra_bits) * driven.sign()  # (cycles, vectors, rows)
    else:
        phases = [driven.clamp(min=0), (-driven).clamp(min=0)] if bool((driven < 0).any()) else [driven]
        drive = torch.cat([pulses(phase, config, extra_bits) for phase in phases])
    reads = drive.flatten(0, 1)
    return reads[reads.any(1)] @ array.get_buffer("transfer")[tile]
