"""From a bit of a weight to the cell that holds it, and back."""

from dataclasses import dataclass

import torch
from torch import Tensor

from devices.arguments import checked
from mapping.placement import Placement, plane_cell_index, tile_chunks


@dataclass(frozen=True, kw_only=True, eq=False)
class CellPositions:
    """Where cells lie, each field int64, of one shape.

    Parameters
    ----------
    tile
        Array; -1 where a weight has no cell of that plane, because its array was released or its column merged.
    row
        Word line within the used part of arrays.
    column
        Bit line within it.
    """

    tile: Tensor
    row: Tensor
    column: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class CellWeights:
    """What cells belong to, each field int64, of one shape.

    Parameters
    ----------
    plane
        Plane of the encoding, partners of pairs counted from half of the planes on; -1 where there is no cell of a weight.
    input
        Input within its group: row of the weight matrix.
    output
        Output: column of the weight matrix.
    """

    plane: Tensor
    input: Tensor
    output: Tensor


@checked
def cells_of_weights(placement: Placement, plane: Tensor, row: Tensor, column: Tensor) -> CellPositions:
    """Find the cells that hold the given planes of the given entries of the weight matrix.

    Parameters
    ----------
    placement
        Where the cells are.
    plane, row, column
        Plane of the encoding, input within its group, output; int64, of one shape.

    Raises
    ------
    IndexError
        If there is no such plane or weight.
    """
    size = (placement.planes, placement.inputs_per_group, placement.outputs)
    for name, values, bound in zip(("plane", "row", "column"), (plane, row, column), size, strict=True):
        if bool(((values < 0) | (values >= bound)).any()):
            raise IndexError(
                f"`{name}` must lie in 0 .. {bound - 1}. Got {values[(values < 0) | (values >= bound)][0]}."
            )
    found = _cell_of_bit(placement)[plane, row, column]
    rows, cols = placement.levels.shape[1:]
    missing = found < 0
    parts = (found // (rows * cols), found // cols % rows, found % cols)
    tile, word_line, bit_line = (part.masked_fill(missing, -1) for part in parts)
    return CellPositions(tile=tile, row=word_line, column=bit_line)


@checked
def weights_of_cells(placement: Placement, tile: Tensor, row: Tensor, column: Tensor) -> CellWeights:
    """Find what the given cells belong to: plane, input within its group, and output.

    Parameters
    ----------
    placement
        Where the cells are.
    tile, row, column
        Position, int64, of one shape; in the used part of arrays, as `Placement.levels` counts them.

    Raises
    ------
    IndexError
        If there is no such position.
    """
    for name, values, bound in zip(("tile", "row", "column"), (tile, row, column), placement.levels.shape, strict=True):
        if bool(((values < 0) | (values >= bound)).any()):
            raise IndexError(
                f"`{name}` must lie in 0 .. {bound - 1}. Got {values[(values < 0) | (values >= bound)][0]}."
            )
    output = placement.column_index[tile, column].long()
    line = placement.row_index[tile, row].long()
    partner = (placement.row_sign[tile, row] < 0) * (placement.planes // 2)
    plane = placement.column_plane[tile, column].long() + partner
    missing = ~placement.used[tile, row, column] | (output >= placement.outputs)
    parts = (plane, line % placement.inputs_per_group, output)
    plane, line, output = (part.masked_fill(missing, -1) for part in parts)
    return CellWeights(plane=plane, input=line, output=output)


def _cell_of_bit(placement: Placement) -> Tensor:
    """Return the flat position (tiles, rows, cols) of the cell of each plane and weight, -1 for none.

    (planes, inputs_per_group, outputs), int64.
    """
    size = placement.inputs_per_group * placement.outputs_and_references
    nowhere = placement.planes * size
    found = torch.full((nowhere + 1,), -1, dtype=torch.int64, device=placement.levels.device)
    position = torch.arange(placement.levels.numel(), device=found.device).view(placement.levels.shape)
    for tiles in tile_chunks(placement):
        index = plane_cell_index(placement, tiles).masked_fill_(~placement.used[tiles], nowhere)
        found.scatter_(0, index.flatten(), position[tiles].flatten())
    matrices = found[:-1].view(placement.planes, placement.inputs_per_group, placement.outputs_and_references)
    return matrices[..., : placement.outputs]
