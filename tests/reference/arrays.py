"""Planes to arrays: which word lines and bit lines share one, and what is squeezed out, released and merged."""

from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg

from tests.reference.weights import cells_of, planes_of


@dataclass(frozen=True)
class Line:
    """One bit line."""

    output: int
    """Output that it feeds; from `outputs` on, reference columns."""
    plane: int
    significance: int
    bits: int
    reference: bool = False


@dataclass(frozen=True)
class Array:
    """The used part of one physical array, its rows from the open end of the bit lines to their sense end."""

    inputs: tuple[int, ...]
    signs: tuple[int, ...]
    """-1 where a word line carries its input with opposite polarity."""
    shifts: tuple[int, ...]
    lines: tuple[Line, ...]
    levels: np.ndarray
    """(rows, cols); 0 in reference columns."""
    cells: np.ndarray
    """Where there is a cell at all, (rows, cols)."""
    weights: np.ndarray
    """Where it holds a part of a weight or a reference; others are idle ones where lines of two groups cross."""
    block: tuple[int, int, int]
    """Group, row block and column block."""

    @property
    def word_lines(self):
        """What drives each word line: input, sign and shift."""
        return tuple(zip(self.inputs, self.signs, self.shifts, strict=True))


def place(codes, mapping, groups):
    """Cut signed codes (inputs of one group, outputs of all groups) into arrays; return them and the digital offset."""
    inputs, outputs = len(codes), codes.shape[1]
    arrays, references = [], outputs
    for group in range(groups):
        width = outputs // groups
        own = codes[:, group * width : (group + 1) * width]
        planes, offset = planes_of(own, mapping)
        order = np.arange(inputs)
        if mapping.row_order == "sorted":
            order = np.argsort(-np.abs(own).max(1), kind="stable")
        found, references = _cut(planes, order, mapping, group, width, references)
        arrays += found
    if mapping.group_packing != "none":
        arrays = share_arrays(arrays, mapping, groups)
    if mapping.squeezed_planes:
        arrays = squeeze(arrays, mapping)
    if mapping.squeezed_planes or mapping.release_empty:
        arrays = [array for array in arrays if array.levels.any()]
    if mapping.merge_columns:
        arrays = merge(arrays, mapping.cols)
    return arrays, offset


def _cut(planes, order, mapping, group, width, references):
    """Cut the planes of one group into arrays."""
    on_word_lines, on_bit_lines = mapping.pairs == "word_lines", mapping.pairs == "bit_lines"
    half = len(planes) // 2 if on_word_lines or on_bit_lines else len(planes)
    rows = [(row, sign) for row in order for sign in ((1, -1) if on_word_lines else (1,))]
    height = mapping.rows // 2 * 2 if on_word_lines else mapping.rows
    breadth = mapping.cols // 2 * 2 if on_bit_lines else mapping.cols
    arrays = []
    for planes_of_array in _side_by_side(planes[:half], mapping.slicing):
        members = [p for plane in planes_of_array for p in ((plane, plane + half) if on_bit_lines else (plane,))]
        columns = [(output, plane) for output in range(width) for plane in members]
        for column_block, first in enumerate(range(0, len(columns), breadth)):
            lines = [
                Line(output + group * width, plane, planes[plane].significance, planes[plane].bits)
                for output, plane in columns[first : first + breadth]
            ]
            if mapping.reference_column:
                # Where the drop along an evenly loaded word line, x - x^2/2, is the average one, 1/3.
                place_of = max(1, round(len(lines) * (1 - 1 / 3**0.5)))
                lines.insert(place_of, Line(references, members[0], 1, 1, reference=True))
                references += 1
            for row_block, top in enumerate(range(0, len(rows), height)):
                own = rows[top : top + height]
                levels = [
                    [
                        0
                        if line.reference
                        else planes[line.plane + (half if sign < 0 else 0)].levels[row, line.output - group * width]
                        for line in lines
                    ]
                    for row, sign in own
                ]
                arrays.append(
                    Array(
                        inputs=tuple(int(row) + group * len(order) for row, _ in own),
                        signs=tuple(sign for _, sign in own),
                        shifts=(0,) * len(own),
                        lines=tuple(lines),
                        levels=np.array(levels),
                        cells=np.ones((len(own), len(lines)), dtype=bool),
                        weights=np.ones((len(own), len(lines)), dtype=bool),
                        block=(group, row_block, column_block),
                    )
                )
    return arrays, references


def _side_by_side(planes, slicing):
    """Return which planes share an array."""
    if slicing == "inter":
        return [[number] for number in range(len(planes))]
    return [
        [number for number, plane in enumerate(planes) if plane.array == array]
        for array in sorted({plane.array for plane in planes})
    ]


def share_arrays(arrays, mapping, groups):
    """Put as many groups into each array as its lines allow, one after the other on its diagonal."""
    first = [array for array in arrays if array.block[0] == 0]
    if any(array.block != (0, 0, 0) for array in first):
        return arrays  # one group takes more than an array
    rows, cols = first[0].levels.shape
    together = min(groups, mapping.rows // rows, mapping.cols // cols)
    if together < 2:
        return arrays
    shared = []
    for start in range(0, groups, together):
        for stack in range(len(first)):
            members = [arrays[group * len(first) + stack] for group in range(start, min(start + together, groups))]
            own = scipy.linalg.block_diag(*(array.weights for array in members))
            shared.append(
                Array(
                    inputs=sum((array.inputs for array in members), ()),
                    signs=sum((array.signs for array in members), ()),
                    shifts=sum((array.shifts for array in members), ()),
                    lines=sum((array.lines for array in members), ()),
                    levels=scipy.linalg.block_diag(*(array.levels for array in members)),
                    cells=np.ones_like(own) if mapping.group_packing == "g_min" else own,
                    weights=own,
                    block=(start, 0, 0),
                )
            )
    return shared


def squeeze(arrays, mapping):
    """Empty the most significant planes: shift the codes of every row of a stack down until they fit."""
    bits = mapping.weight_bits if mapping.encoding == "offset" else mapping.weight_bits - 1
    left = bits - mapping.squeezed_planes
    squeezed = list(arrays)
    for block in dict.fromkeys(array.block for array in arrays):
        members = [number for number, array in enumerate(arrays) if array.block == block]
        numbers: dict[tuple[int, int], np.ndarray] = {}
        for number in members:
            for j, line in enumerate(arrays[number].lines):
                key = _number_of(line, mapping)
                numbers[key] = numbers.get(key, 0) + (key[0] or 1) * line.significance * arrays[number].levels[:, j]
        stored = np.stack(list(numbers.values()), 1)  # (rows, numbers)
        needed = [max(_bits_of(int(value)) for value in row) for row in stored]
        inputs = arrays[members[0]].inputs
        # Both word lines of a pair carry the same pulses.
        needed = [max(n for n, other in zip(needed, inputs, strict=True) if other == own) for own in inputs]
        shifts = np.maximum(np.array(needed) - left, 0)
        for key, column in numbers.items():
            numbers[key] = np.minimum(np.floor_divide(2 * column + 2**shifts, 2 * 2**shifts), 2**left - 1)
        for number in members:
            squeezed[number] = _stored(arrays[number], numbers, left, bits, shifts, mapping)
    return squeezed


def _number_of(line, mapping):
    """Return which number of a row a bit line stores bits of: sign, 0 where one number has both, and output."""
    return (0 if mapping.encoding == "twos_complement" else int(np.sign(line.significance)), line.output)


def _bits_of(value):
    """Return the bits of a magnitude; those of -2^b are b and a sign."""
    return (-value - 1 if value < 0 else value).bit_length()


def _stored(array, numbers, left, bits, shifts, mapping):
    """Return an array of a squeezed stack with its own bits of the stack's numbers."""
    lines, levels = [], []
    for line in array.lines:
        column = numbers[_number_of(line, mapping)]
        if mapping.encoding == "twos_complement" and line.significance < 0:
            lines.append(replace(line, significance=-(2**left)))
            levels.append((column < 0).astype(np.int64))
            continue
        first, count = next(
            cell for cell in cells_of(bits, mapping.cell_bits) if 2 ** cell[0] == abs(line.significance)
        )
        lines.append(line)
        levels.append((column >> first) % 2**count if first < left else np.zeros_like(column))
    return replace(array, lines=tuple(lines), levels=np.stack(levels, 1), shifts=tuple(int(shift) for shift in shifts))


def merge(arrays, cols):
    """Store equal bit lines of an output and the same word lines once, drop empty ones, and pack the rest."""
    merged = []
    for rows in dict.fromkeys(array.word_lines for array in arrays):
        same = [array for array in arrays if array.word_lines == rows]
        kept: dict[tuple, list] = {}
        for array in same:
            for number, line in enumerate(array.lines):
                column = array.levels[:, number]
                if column.any():
                    cells = tuple(array.cells[:, number]), tuple(array.weights[:, number])
                    kept.setdefault((line.output, line.bits, tuple(column), cells), []).append(line)
        columns = []
        for (_, _, column, cells), lines in kept.items():
            significance = sum(line.significance for line in lines)
            if significance:
                columns.append((replace(lines[0], significance=significance), column, *cells))
        for first in range(0, len(columns), cols):
            lines, *matrices = zip(*columns[first : first + cols], strict=True)
            by_name = zip(("levels", "cells", "weights"), matrices, strict=True)
            merged.append(replace(same[0], lines=lines, **{name: np.array(matrix).T for name, matrix in by_name}))
    return merged
