"""The tiled plan: every tile, input cycle and slice is read and converted by itself."""

import torch
from torch import Tensor

from crossbar.array.collapse import column_factor
from crossbar.config import CrossbarConfig
from crossbar.converters import adc_step, convert, pulses
from mapping import Placement


def adc_steps(placement: Placement, config: CrossbarConfig, transfer: Tensor) -> Tensor | None:
    """Return the current of one ADC code per column [S x pulse units], (tiles, cols), or None without an ADC."""
    if config.adc is None or config.inputs.pulse_bits is None:
        return None
    return adc_step(
        config.adc,
        transfer,
        placement.used,
        g_max=config.device.g_max,
        largest_pulse=2**config.inputs.pulse_bits - 1,
        signed=config.inputs.negative == "bipolar",
    )


def read_tiles(
    codes: Tensor,
    placement: Placement,
    config: CrossbarConfig,
    *,
    transfer: Tensor,
    variance: Tensor | None,
    steps: Tensor | None,
    baseline: Tensor | None,
) -> Tensor:
    """Read all tiles for a batch of input codes.

    Parameters
    ----------
    codes
        Integer input codes as floating point, (vectors, inputs).
    placement
        Where the cells are.
    config
        Converters, chunk.
    transfer
        Transfer matrices [S], (tiles, rows, cols).
    variance
        Read-noise variance of their entries [S^2], or None.
    steps
        Current of one ADC code, (tiles, cols), or None for an ideal read-out.
    baseline
        What the periphery subtracts per weight, (inputs_per_group, outputs), or None.

    Returns
    -------
    Tensor
        Outputs in units of (input code x weight), (vectors, outputs).
    """
    phases = [codes]
    if config.inputs.negative == "two_phase" and bool((codes < 0).any()):
        # Only one of the two passes a gradient to a code of zero.
        phases = [codes.clamp(min=0), torch.relu(-codes)]
    factor = column_factor(placement, config.device)
    outputs = []
    for vectors in zip(*(phase.split(config.chunk) for phase in phases), strict=True):
        signed = [_read_chunk(part, placement, config, transfer, variance, steps, factor) for part in vectors]
        outputs.append(signed[0] if len(signed) == 1 else signed[0] - signed[1])
    result = torch.cat(outputs)
    return (result + _digital_part(codes, placement, baseline)) * placement.scale


def _read_chunk(
    codes: Tensor,
    placement: Placement,
    config: CrossbarConfig,
    transfer: Tensor,
    variance: Tensor | None,
    steps: Tensor | None,
    factor: Tensor,
) -> Tensor:
    """Read all tiles for a few vectors of one sign, (vectors, inputs) -> (vectors, outputs) in integer weight units."""
    result = codes.new_zeros(len(codes), placement.outputs)
    extra_bits = int(placement.row_shift.max()) if placement.tiles else 0
    weight = 2.0 ** (torch.arange(config.inputs.cycles(extra_bits), device=codes.device) * (config.inputs.pulse_bits or 0))
    sign = torch.sign(codes) if config.inputs.negative == "bipolar" else None
    for tile in range(placement.tiles):
        rows = placement.row_index[tile].to(torch.int64)
        columns = placement.column_index[tile].to(torch.int64)
        driven = (codes[:, rows.clamp(min=0)] * (rows >= 0)) * 2.0 ** placement.row_shift[tile]
        drive = pulses(driven if sign is None else driven.abs(), config.inputs, extra_bits)  # (cycles, vectors, rows)
        if sign is not None:
            drive = drive * sign[:, rows.clamp(min=0)]
        current = drive @ transfer[tile]  # (cycles, vectors, cols)
        if variance is not None:
            current = current + torch.sqrt((drive * drive) @ variance[tile]) * torch.randn_like(current)
        if steps is not None and config.adc is not None:
            current = convert(current / steps[tile], config.adc, signed=sign is not None) * steps[tile]
        value = torch.einsum("cvn,c->vn", current, weight) * factor[tile]
        result.index_add_(1, columns[columns >= 0], value[:, columns >= 0])
    return result


def _digital_part(codes: Tensor, placement: Placement, baseline: Tensor | None) -> Tensor:
    """Return what the periphery adds: the digital offset and the baseline, times the inputs, (vectors, outputs)."""
    grouped = codes.reshape(len(codes), placement.groups, -1)  # (vectors, groups, inputs per group)
    width = placement.outputs // placement.groups
    total = (placement.digital_offset * grouped.sum(-1)).repeat_interleave(width, 1)
    if baseline is None:
        return total
    blocks = baseline.view(-1, placement.groups, width)  # (inputs per group, groups, outputs per group)
    return total - torch.einsum("vgi,igo->vgo", grouped, blocks).flatten(1)
