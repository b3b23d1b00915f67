"""The structure at the centre: where every bit of a weight matrix lives."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

_CELLS_PER_CHUNK = 1 << 19


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A weight matrix as a stack of equal-sized tiles of cells.

    `output[o] = scale[o] * (sum over the columns that feed o of significance * ((row_sign * input << row_shift) @ levels)
    + digital_offset * sum of the inputs)` in exact integer arithmetic, over every tile. Encodings, slicings, squeezed
    and reordered arrays are all different placements of this one form. Reference columns are not in it: what they read
    is subtracted for a part of the digital offset (`mapping.reference_columns`).

    The stack is cropped to the largest used part: cells beyond it do not exist. Used rows are the last ones of a tile
    and used columns its first ones, next to the sense end and to the drivers, so a tile's circuit is that of its used
    part.

    Parameters
    ----------
    levels
        Cell levels, unsigned integers, (tiles, rows, cols).
    used
        Whether a cell holds a part of a weight or of a reference, bool, (tiles, rows, cols). One at level 0 has g_min;
        others conduct nothing, but for `crossings`.
    row_index
        Input that drives each row, -1 for none, int32, (tiles, rows).
    row_shift
        Power-of-two shift of that input, int32, (tiles, rows).
    row_sign
        Sign with which each row is driven, int32, (tiles, rows): -1 where it carries the input with opposite polarity,
        beside a row of the same input that carries it as it is; else 1, empty rows included.
    column_index
        Output that each column feeds, -1 for none, int32, (tiles, cols); from `outputs` on, reference columns.
    column_significance
        Signed integer weight of each column, int32, (tiles, cols).
    column_bits
        Bits of the cells of each column, 0 for none; level 2^bits - 1 is g_max, int32, (tiles, cols).
    column_plane
        Plane of the encoding that each column stores, its partner being on rows of sign -1; int32, (tiles, cols).
    scale
        Weight of one integer unit, () or (outputs,).
    digital_offset
        Integer added to every weight by the periphery.
    inputs
        Inputs of the layer, over all groups.
    outputs
        Outputs of the layer, over all groups.
    groups
        Independent blocks (groups of a convolution).
    planes
        Planes of the encoding.
    array_shape
        Word lines and bit lines of a physical array, of which the tiles show the used part.
    references
        Reference columns, numbered as outputs after the real ones.
    crossed_groups
        Groups that share an array and have cells at g_min where their lines cross; 1: no such cells.
    """

    levels: Tensor
    used: Tensor
    row_index: Tensor
    row_shift: Tensor
    row_sign: Tensor
    column_index: Tensor
    column_significance: Tensor
    column_bits: Tensor
    column_plane: Tensor
    scale: Tensor
    digital_offset: int
    inputs: int
    outputs: int
    groups: int = 1
    planes: int
    array_shape: tuple[int, int]
    references: int = 0
    crossed_groups: int = 1

    def __repr__(self) -> str:
        """Say how many arrays it takes, not what is in them."""
        rows, cols = self.array_shape
        size = f"{self.inputs} inputs, {self.outputs} outputs, {self.planes} planes"
        return f"Placement({size}: {self.tiles} tiles of {rows}x{cols})"

    @property
    def tiles(self) -> int:
        """Number of arrays that the placement occupies."""
        return int(self.levels.shape[0])

    @property
    def largest_shift(self) -> int:
        """Largest row shift: the bits by which input codes grow, 0 without arrays."""
        return int(self.row_shift.max()) if self.tiles else 0

    @property
    def has_opposite_rows(self) -> bool:
        """Whether adjacent word lines carry an input with both signs, so that bit lines give differences of pairs."""
        return bool((self.row_sign < 0).any())

    @property
    def crossings(self) -> Tensor | None:
        """Cells at g_min where word lines of one group cross bit lines of another, (tiles, rows, cols); None: none."""
        if self.crossed_groups == 1:
            return None
        return (self.row_index >= 0)[:, :, None] & (self.column_index >= 0)[:, None, :] & ~self.used

    @property
    def present(self) -> Tensor:
        """Whether a cell exists, bool, (tiles, rows, cols)."""
        crossings = self.crossings
        return self.used if crossings is None else self.used | crossings

    @property
    def inputs_per_group(self) -> int:
        """Inputs that an output sees."""
        return self.inputs // self.groups

    @property
    def outputs_and_references(self) -> int:
        """Number of sums over columns: outputs and, after them, reference columns."""
        return self.outputs + self.references

    def tensors(self) -> dict[str, Any]:
        """Return the tensor fields by name."""
        return {f.name: value for f in fields(self) if isinstance(value := getattr(self, f.name), Tensor)}

    def to(self, device: torch.device | str) -> "Placement":
        """Return the same placement with its tensors on `device`."""
        return replace(self, **{name: tensor.to(device) for name, tensor in self.tensors().items()})

    def word_lines(self) -> Tensor:
        """Return all that says what drives each tile, int32, (tiles, 3 rows): tiles with equal lines share a drive."""
        return torch.cat([self.row_index, self.row_shift, self.row_sign], 1)

    def significance(self) -> Tensor:
        """Return what one level of each cell weighs, input shift and sign included, int64, (tiles, rows, cols)."""
        return row_factor(self)[:, :, None] * self.column_significance[:, None, :] * self.used

    def to_codes(self) -> Tensor:
        """Return the integers that cells and digital offset stand for, int64, (inputs_per_group, outputs)."""
        codes = scatter_cells(self, self.levels.to(torch.int64), weight=self.column_significance)
        return codes[:, : self.outputs] + self.digital_offset

    def to_weight(self) -> Tensor:
        """Return the weight matrix that the placement stands for, (inputs_per_group, outputs)."""
        return self.to_codes().to(self.scale.dtype) * self.scale


def scatter_cells(placement: Placement, values: Tensor, *, weight: Tensor | None = None, power: int = 1) -> Tensor:
    """Sum a value per cell over the cells that join each input to each output.

    Parameters
    ----------
    placement
        Where the cells are.
    values
        One number per cell, (tiles, rows, cols); those of unused cells are ignored.
    weight
        Number that multiplies the values of a column, (tiles, cols). Default: 1.
    power
        Power of the factor `row_sign * 2^row_shift` that multiplies a row: 1 for currents, 2 for variances.

    Returns
    -------
    Tensor
        (inputs_per_group, outputs_and_references), of the dtype of `values`.
    """
    result = values.new_zeros(placement.inputs_per_group * placement.outputs_and_references)
    for tiles in tile_chunks(placement):
        used = placement.used[tiles]
        part = values[tiles] if _all_of(used) else torch.where(used, values[tiles], 0)
        if weight is not None:
            part = part * weight[tiles, None, :].to(values.dtype)
        factor = row_factor(placement, tiles)
        if bool((factor != 1).any()):
            part = part * (factor**power)[:, :, None].to(values.dtype)
        result.index_add_(0, cell_index(placement, tiles).flatten(), part.flatten())
    return result.view(placement.inputs_per_group, placement.outputs_and_references)


def row_factor(placement: Placement, tiles: slice = slice(None)) -> Tensor:
    """Return what multiplies the input of each row, `row_sign * 2^row_shift`, int64, (tiles, rows)."""
    return placement.row_sign[tiles].to(torch.int64) << placement.row_shift[tiles].to(torch.int64)


def gather_cells(placement: Placement, matrices: Tensor) -> Tensor:
    """Fetch for every cell the entry of its plane, input and output.

    Parameters
    ----------
    placement
        Where the cells are.
    matrices
        One matrix per plane, (planes, inputs_per_group, outputs_and_references).

    Returns
    -------
    Tensor
        (tiles, rows, cols); 0 in unused cells.
    """
    flat = matrices.reshape(-1)
    result = flat.new_empty(placement.levels.shape)
    for tiles in tile_chunks(placement):
        torch.index_select(flat, 0, plane_cell_index(placement, tiles).flatten(), out=result[tiles].view(-1))
        fill_outside(result[tiles], placement.used[tiles], 0)
    return result


def fill_outside(values: Tensor, cells: Tensor, fill: float) -> Tensor:
    """Fill in place what is outside of some `cells`, bool, of the shape of `values`.

    To look whether there is anything is quicker, and in a large layer there is mostly nothing.
    """
    return values if _all_of(cells) else values.masked_fill_(~cells, fill)


def _all_of(cells: Tensor) -> bool:
    """Return whether all of bool `cells` are true; the minimum of bytes takes a twentieth of the time of `all`."""
    return not cells.numel() or bool(cells.view(torch.uint8).amin())


def cell_index(placement: Placement, tiles: slice) -> Tensor:
    """Return each cell's flat position in (inputs_per_group, outputs_and_references), int64; unused cells give 0."""
    row, column = _line_index(placement, tiles)
    return row[:, :, None] + column[:, None, :]


def plane_cell_index(placement: Placement, tiles: slice) -> Tensor:
    """Return each cell's flat position in (planes, inputs_per_group, outputs_and_references), int64.

    Plane, input and output name a cell whatever the size of arrays and the layout of pairs; planes of the second half are
    the partners of the first.
    """
    row, column = _line_index(placement, tiles)
    size = placement.inputs_per_group * placement.outputs_and_references
    row = row + (placement.row_sign[tiles] < 0) * (placement.planes // 2 * size)
    column = column + placement.column_plane[tiles].to(torch.int64) * size
    return row[:, :, None] + column[:, None, :]


def _line_index(placement: Placement, tiles: slice) -> tuple[Tensor, Tensor]:
    """Return what word lines (tiles, rows) and bit lines (tiles, cols) add to a cell's flat position, int64."""
    row = placement.row_index[tiles].clamp(min=0).to(torch.int64) % placement.inputs_per_group
    column = placement.column_index[tiles].clamp(min=0).to(torch.int64)
    return row * placement.outputs_and_references, column


def integer_product(placement: Placement, inputs: Tensor) -> Tensor:
    """Multiply integer inputs with the cells, column by column, as the array and its periphery would.

    Parameters
    ----------
    placement
        Where the cells are.
    inputs
        Integer inputs, (..., inputs).

    Returns
    -------
    Tensor
        Exact integer products before `scale`, int64, (..., outputs).
    """
    if inputs.shape[-1] != placement.inputs:
        raise ValueError(f"`inputs` must have {placement.inputs} entries per vector. Got shape {tuple(inputs.shape)}.")
    vectors = inputs.reshape(-1, placement.inputs).to(torch.int64)
    result = vectors.new_zeros(len(vectors), placement.outputs_and_references)
    factor = row_factor(placement)
    for tile in range(placement.tiles):
        rows, columns = placement.row_index[tile].to(torch.int64), placement.column_index[tile].to(torch.int64)
        driven = torch.where(rows >= 0, vectors[:, rows.clamp(min=0)] * factor[tile], 0)
        product = driven @ (placement.levels[tile].to(torch.int64) * placement.used[tile])
        product = product * placement.column_significance[tile]
        result.index_add_(1, columns[columns >= 0], product[:, columns >= 0])
    grouped = vectors.reshape(len(vectors), placement.groups, -1).sum(-1)
    offset = placement.digital_offset * grouped.repeat_interleave(placement.outputs // placement.groups, 1)
    return (result[:, : placement.outputs] + offset).reshape(*inputs.shape[:-1], placement.outputs)


def some_tiles(placement: Placement, tiles: slice) -> Placement:
    """Return a placement that shows some tiles of another."""
    return replace(placement, **{name: x[tiles] for name, x in placement.tensors().items() if name != "scale"})


def tile_chunks(placement: Placement) -> Iterator[slice]:
    """Yield slices of tiles that bound the memory of a temporary."""
    cells = max(1, int(placement.levels[0].numel())) if placement.tiles else 1
    step = max(1, _CELLS_PER_CHUNK // cells)
    for start in range(0, placement.tiles, step):
        yield slice(start, start + step)


def distinct(lines: Tensor) -> Tensor:
    """Return a number for each line (lines, entries), the same for equal lines, counted from 0, int64, (lines,)."""
    if not len(lines):
        return torch.zeros(0, dtype=torch.int64, device=lines.device)
    numbers: Tensor = torch.unique(lines, dim=0, return_inverse=True)[1]
    return numbers
