"""The arrays of a layer and their checksum lines, read bit line by bit line."""

from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from crossbar.array import CrossbarArray
from crossbar.array.adopting import adopt_cells
from crossbar.array.bypass import converters_bypassed
from crossbar.array.programming import level_step, target_conductance
from crossbar.config import CrossbarConfig
from crossbar.converters import InputConfig
from crossbar.self_test.checksums import CheckLines
from devices import ProgrammedCells
from mapping import MappingConfig, Placement

_PULSE = 3
"""Code of the largest pulse of the two-bit inputs that drive a test."""
_SUMS_AT_ONCE = 1 << 22
"""Sums of bit lines held at a time."""


def make_test_array(array: CrossbarArray, lines: CheckLines) -> CrossbarArray:
    """Return the present cells of a layer and of its checksum lines as arrays whose every bit line is an output."""
    cells = array.cells
    shapes = (cells.programmed.shape, lines.levels.shape)
    joined: dict[str, Any] = {
        f.name: _beside(getattr(cells, f.name), getattr(lines.cells, f.name), shapes) for f in fields(cells)
    }
    test = CrossbarArray(_config(array.config, lines), groups=array.placement.tiles).to(cells.programmed.device)
    own, other = array.converter_errors, lines.converter_errors
    errors = None if own is None or other is None else torch.cat([own, other], -1)
    adopt_cells(
        test,
        every_line(array.placement, lines),
        ProgrammedCells(**joined),
        time=float(array.time),
        converter_errors=errors,
    )
    return test


def make_intended_array(array: CrossbarArray, lines: CheckLines) -> CrossbarArray:
    """Return the same arrays with every cell exactly as it was meant to be, at the time of programming."""
    asked = torch.cat([array.cells.target, lines.target], 2)
    test = CrossbarArray(_config(array.config, lines), groups=array.placement.tiles).to(asked.device)
    adopt_cells(test, every_line(array.placement, lines), ProgrammedCells(target=asked, programmed=asked), time=0.0)
    return test


def every_line(placement: Placement, lines: CheckLines) -> Placement:
    """Return a placement in which each array is a group of its own, and each of its bit lines an output."""
    tiles, rows, cols = placement.levels.shape
    width = cols + lines.lines
    present = placement.row_index >= 0
    tile = torch.arange(tiles, device=present.device)[:, None]
    row = torch.arange(rows, device=present.device) + tile * rows
    digits = lines.levels.to(placement.levels.dtype)
    exists = torch.cat([placement.column_index >= 0, torch.ones_like(digits[:, 0], dtype=torch.bool)], 1)
    column = torch.arange(width, device=present.device) + tile * width
    own_bits = torch.full_like(digits[:, 0], lines.digit_bits, dtype=torch.int32)
    arrays, columns = placement.array_shape
    return replace(
        placement,
        levels=torch.cat([placement.levels, digits], 2),
        used=torch.cat([placement.used, present[:, :, None].expand(tiles, rows, lines.lines)], 2),
        row_index=torch.where(present, row, -1).to(torch.int32),
        row_shift=torch.zeros_like(placement.row_shift),
        row_sign=torch.ones_like(placement.row_sign),
        column_index=torch.where(exists, column, -1).to(torch.int32),
        column_significance=exists.to(torch.int32),
        column_bits=torch.cat([placement.column_bits, own_bits], 1),
        column_plane=torch.zeros(tiles, width, dtype=torch.int32, device=present.device),
        scale=torch.ones((), dtype=torch.float32, device=present.device) / _PULSE,
        digital_offset=0,
        inputs=tiles * rows,
        outputs=tiles * width,
        groups=tiles,
        planes=1,
        array_shape=(arrays, columns + lines.lines),
        references=0,
    )


def line_weights(placement: Placement, lines: CheckLines) -> Tensor:
    """Return what each bit line adds to a test: 1 for those of weights, less the digits of the checksum, (tiles, lines)."""
    weights = (placement.column_index >= 0) & (placement.column_index < placement.outputs)
    digits = -(2.0 ** (torch.arange(lines.lines, device=weights.device) * lines.digit_bits))
    return torch.cat([weights.to(torch.float32), digits.expand(placement.tiles, -1)], 1)


def row_patterns(rows: int, word_lines: int, device: torch.device) -> Tensor:
    """Return patterns that drive `word_lines` neighbouring rows at a time, from the sense end on, (patterns, rows)."""
    group = torch.arange(rows - 1, -1, -1, device=device) // word_lines
    return (group == torch.arange(-(-rows // word_lines), device=device)[:, None]).to(torch.float32)


@torch.no_grad()
def read_lines(test: CrossbarArray, patterns: Tensor, *, repeats: int, exact: bool = False) -> Tensor:
    """Return the mean over reads of what each bit line gives, in levels, (tiles, patterns, lines).

    Parameters
    ----------
    test
        Arrays of `make_test_array`.
    patterns
        Which rows are driven, (patterns, rows).
    repeats
        Reads of each pattern.
    exact
        Read without converters and fresh noise.
    """
    tiles, lines = test.placement.column_index.shape
    total = torch.zeros(len(patterns), tiles, lines, dtype=torch.float64, device=patterns.device)
    codes = (_PULSE * patterns).repeat(1, tiles)
    at_once = max(1, _SUMS_AT_ONCE // max(1, len(patterns) * tiles * lines))
    with converters_bypassed([test] if exact else []):
        for start in range(0, repeats, at_once):
            count = min(at_once, repeats - start)
            found = test.read_vectors(codes.repeat(count, 1))
            total += found.view(count, len(patterns), tiles, lines).double().sum(0)
    return (total / repeats).transpose(0, 1)


def lower_end(test: CrossbarArray, patterns: Tensor) -> Tensor:
    """Return what the lower end of the window gives on each bit line, in levels, (tiles, patterns, lines)."""
    step = level_step(test.placement, test.config.device)
    level = torch.where(step > 0, test.config.device.g_min / step, 0)  # (tiles, lines)
    return torch.einsum("pr,trc->tpc", patterns, test.placement.used.to(patterns.dtype)) * level[:, None, :]


def cell_variances(test: CrossbarArray) -> tuple[Tensor, Tensor]:
    """Return the variances of cells on their levels, fresh and what stays, in squared levels, (tiles, rows, lines).

    Programming errors stay, and read noise that is drawn once per programming.
    """
    placement, device = test.placement, test.config.device
    target = target_conductance(placement, device)
    per_level = torch.where((step := level_step(placement, device)) > 0, 1 / step, 0)[:, None, :] ** 2 * placement.used
    stays = device.programming.sigma(target, device.window) ** 2
    fresh = torch.zeros_like(stays)
    if device.read_noise is not None:
        noise = device.read_noise.sigma(target, target=target, window=device.window, t=0.0) ** 2
        fresh, stays = (noise, stays) if device.read_noise.draw == "read" else (fresh, stays + noise)
    return fresh * per_level, stays * per_level


def _config(config: CrossbarConfig, lines: CheckLines) -> CrossbarConfig:
    """Return the technology of a test: the same cells, wires and converters, and full pulses in one cycle."""
    mapping = config.mapping
    adc = config.adc
    if adc is not None:
        adc = replace(adc, subtraction="digital", range="full" if adc.range == "calibrated" else adc.range)
    return replace(
        config,
        mapping=MappingConfig(
            weight_bits=max(2, mapping.cell_bits),
            cell_bits=mapping.cell_bits,
            rows=mapping.rows,
            cols=mapping.cols + lines.lines,
            encoding="twos_complement",
        ),
        inputs=InputConfig(bits=2, read_voltage=config.inputs.read_voltage),
        adc=adc,
        compensation=None,
        parallel_rows=None,
        plan="auto",
    )


def _beside(own: Tensor | None, other: Tensor | None, shapes: tuple[torch.Size, torch.Size]) -> Tensor | None:
    """Join what cells of arrays and of checksum lines carry, along bit lines; what one of them lacks is 0 there."""
    kind = own if own is not None else other
    if kind is None:
        return None
    parts = [kind.new_zeros(shape) if part is None else part for part, shape in zip((own, other), shapes, strict=True)]
    return torch.cat(parts, -1)
