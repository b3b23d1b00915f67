"""Cutting planes into tiles of the size of a physical array."""

from typing import Any

import torch
from torch import Tensor

from mapping.config import MappingConfig
from mapping.encodings import Planes
from mapping.pair_layouts import PairLayout
from mapping.placement import Placement, fill_outside
from mapping.reference_columns import REFERENCE, with_reference_slots


def tile_planes(planes: Planes, scale: Tensor, config: MappingConfig, *, row_order: Tensor | None = None) -> Placement:
    """Cut the planes of one weight matrix into tiles.

    Parameters
    ----------
    planes
        Cell levels, plane by plane.
    scale
        Weight of one integer unit, () or (outputs,).
    config
        Array size, slicing and layout of pairs.
    row_order
        Inputs in the order in which they fill arrays, int64, (inputs,). Default: as they come.

    Returns
    -------
    Placement
        Arrays in the order of `array_columns`, and within one, row block by row block.
    """
    count, inputs, outputs = planes.levels.shape
    layout = config.pair_layout
    lines = line_slots(inputs * layout.word_lines, config.rows, at_end=True, unit=layout.word_lines)
    lines = lines.to(planes.levels.device)  # (row blocks, rows)
    rows = torch.where(lines >= 0, lines // layout.word_lines, -1)
    row_sign = torch.where(lines >= 0, 1 - 2 * (lines % layout.word_lines), 1)
    if row_order is not None:
        rows = torch.where(rows >= 0, row_order.to(rows.device)[rows.clamp(min=0)], -1)
    blocks: list[tuple[Tensor, Tensor]] = []
    references = 0
    for members in _members(planes, config.slicing, layout):
        # Slices of one output lie side by side: (outputs, members) flattened.
        columns = line_slots(outputs * len(members), config.cols, at_end=False, unit=layout.bit_lines)
        columns = columns.to(planes.levels.device)
        if config.reference_column:
            columns = with_reference_slots(columns)
        plane = torch.tensor(members, device=columns.device)[columns.clamp(min=0) % len(members)]
        output = torch.where(columns >= 0, columns // len(members), -1)
        if config.reference_column:
            number = outputs + references + torch.arange(len(columns), device=columns.device)[:, None]
            output = torch.where(columns == REFERENCE, number, output)
            references += len(columns)
        blocks.append((output, plane))
    shape = (len(rows) * sum(len(output) for output, _ in blocks), rows.shape[1], blocks[0][0].shape[1])
    levels, used = planes.levels.new_empty(shape), planes.levels.new_empty(shape, dtype=torch.bool)
    begin, parts = 0, []
    for output, plane in blocks:
        tiles = slice(begin, begin + len(rows) * len(output))
        _cut(planes, rows, row_sign, output, plane, levels=levels[tiles], used=used[tiles])
        parts.append(_lines(planes, rows, row_sign, output, plane))
        begin = tiles.stop
    tensors: dict[str, Any] = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return Placement(
        **tensors,
        levels=levels,
        used=used,
        row_shift=torch.zeros_like(tensors["row_index"]),
        scale=scale,
        digital_offset=planes.digital_offset,
        inputs=inputs,
        outputs=outputs,
        planes=count,
        array_shape=(config.rows, config.cols + int(config.reference_column)),
        references=references,
    )


def line_slots(lines: int, capacity: int, *, at_end: bool, unit: int = 1) -> Tensor:
    """Assign `lines` numbered lines to blocks of at most `capacity`, in order; a `unit` of lines stays in one block.

    Returns
    -------
    Tensor
        Line number at each slot, -1 for an empty slot, int64, (blocks, min(lines, whole units of capacity)).
        The last block may be partly empty: at its beginning where `at_end`, else at its end.
    """
    width = min(lines, capacity // unit * unit)
    blocks = -(-lines // width)
    slots = torch.arange(blocks * width)
    slots = torch.where(slots < lines, slots, -1).view(blocks, width)
    if at_end:
        slots[-1] = slots[-1].roll(blocks * width - lines)
    return slots


def _members(planes: Planes, slicing: str, layout: PairLayout) -> list[list[int]]:
    """Return which planes have bit lines in the same array, in the order of these; partners on word lines have none."""
    own = range(len(planes.array) // (layout.bit_lines * layout.word_lines))
    lines = [[plane + partner * len(own) for partner in range(layout.bit_lines)] for plane in own]
    if slicing == "inter":
        return lines
    arrays = sorted({planes.array[plane] for plane in own})
    return [[line for plane in own if planes.array[plane] == array for line in lines[plane]] for array in arrays]


def _cut(
    planes: Planes, rows: Tensor, row_sign: Tensor, output: Tensor, plane: Tensor, *, levels: Tensor, used: Tensor
) -> None:
    """Cut the planes named by `plane` and `output` (column blocks, cols) into tiles, row block by row block.

    They are written to `levels` and `used`, (tiles, rows, cols).
    """
    count, inputs, outputs = planes.levels.shape
    holds_levels = (output >= 0) & (output < outputs)
    partner = (row_sign < 0) * (count // 2)  # (row blocks, rows)
    row_begin = partner * (inputs * outputs) + rows.clamp(min=0) * outputs
    column_begin = plane * (inputs * outputs) + output.clamp(0, outputs - 1)
    for block, (own, known) in enumerate(zip(levels.chunk(len(rows)), used.chunk(len(rows)), strict=True)):
        index = row_begin[block][None, :, None] + column_begin[:, None, :]  # (column blocks, rows, cols)
        torch.index_select(planes.levels.view(-1), 0, index.flatten(), out=own.view(-1))
        there = (rows[block] >= 0)[None, :, None]
        fill_outside(own, there & holds_levels[:, None, :], 0)
        known.copy_(there & (output >= 0)[:, None, :])


def _lines(planes: Planes, rows: Tensor, row_sign: Tensor, output: Tensor, plane: Tensor) -> dict[str, Tensor]:
    """Return what the word lines and bit lines of those tiles are."""
    row_blocks, column_blocks = len(rows), len(output)
    reference = output >= planes.levels.shape[2]
    significance = torch.tensor(planes.significance, device=plane.device)[plane].masked_fill(reference, 1)
    bits = torch.tensor(planes.bits, device=plane.device)[plane].masked_fill(reference, 1)

    def per_column(values: Tensor) -> Tensor:
        """Repeat one value per column for every row block."""
        return values.to(torch.int32).repeat(row_blocks, 1)

    return {
        "row_index": rows.to(torch.int32).repeat_interleave(column_blocks, 0),
        "row_sign": row_sign.to(torch.int32).repeat_interleave(column_blocks, 0),
        "column_index": per_column(output),
        "column_significance": per_column(significance * (output >= 0)),
        "column_bits": per_column(bits * (output >= 0)),
        "column_plane": per_column(plane),
    }
