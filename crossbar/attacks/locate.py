"""Which cell holds a bit, and which bit a cell holds."""

from collections.abc import Iterable, Sequence

import torch
import xarray as xr
from torch import nn

from crossbar.array import CrossbarArray
from crossbar.attacks.bit_flip import BitFlip
from crossbar.conversion import named_analog_layers
from devices.arguments import checked
from devices.validation import FieldValueError, check_integer
from mapping.bit_addresses import CellPositions, cells_of_weights, weights_of_cells

_ADDRESS = {
    "layer": "analog layer",
    "plane": "plane of the encoding",
    "input": "input within its group",
    "output": "output",
    "bit": "bit of the cell",
    "sign": "sign with which the cell counts",
    "tile": "array of the layer",
    "row": "word line of the used part of the array",
    "column": "bit line of the used part of the array",
}
"""What a table of flips says of each."""


@checked
def locate_flips(model: nn.Module, flips: Iterable[BitFlip]) -> xr.Dataset:
    """Return the cells of some bits: `sign`, `tile`, `row` and `column` beside what names each bit, over `flip`.

    Parameters
    ----------
    model
        A programmed analog model.
    flips
        Bits of its weights.

    Raises
    ------
    ValueError
        If a bit is none of the model: another layer, weight, plane or bit, or of an array that was released.
    RuntimeError
        If a layer is not programmed.
    """
    arrays = {name: layer.array for name, layer in named_analog_layers(model)}
    flips = list(flips)
    rows = [{**vars(flip), **_address(arrays, flip)} for flip in flips]
    return xr.Dataset(
        {name: ("flip", [row[name] for row in rows], {"long_name": text}) for name, text in _ADDRESS.items()}
    )


@checked
def flip_at(model: nn.Module, layer: str, *, tile: int, row: int, column: int, bit: int = 0) -> BitFlip:
    """Return the bit that a cell holds, the inverse of `locate_flips`.

    Parameters
    ----------
    model
        A programmed analog model.
    layer
        Name of an analog layer.
    tile, row, column
        Position in the used part of arrays, as `Placement.levels` counts it.
    bit
        Bit of the cell.

    Raises
    ------
    ValueError
        If there is no such cell, or it holds no weight.
    """
    arrays = {name: module.array for name, module in named_analog_layers(model)}
    array = array_of(arrays, layer, "layer")
    placement = array.placement
    for name, value, size in zip(("tile", "row", "column"), (tile, row, column), placement.levels.shape, strict=True):
        check_integer(name, value, at_least=0, at_most=size - 1)
    found = weights_of_cells(placement, *(torch.tensor(value) for value in (tile, row, column)))
    if int(found.plane) < 0:
        raise FieldValueError(
            f"`row` and `column` must be those of a cell of a weight. Got none at ({tile}, {row}, {column}) of {layer!r}.",
            "row",
        )
    flip = BitFlip(layer=layer, plane=int(found.plane), input=int(found.input), output=int(found.output), bit=bit)
    _check_bit(array, flip, CellPositions(tile=torch.tensor(tile), row=torch.tensor(row), column=torch.tensor(column)))
    return flip


def cell_of(array: CrossbarArray, flip: BitFlip) -> tuple[int, int, int]:
    """Return the position (tile, row, column) of the cell of a bit.

    Raises
    ------
    ValueError
        If it has none.
    """
    wanted = (torch.tensor(value) for value in (flip.plane, flip.input, flip.output))
    try:
        found = cells_of_weights(array.placement, *wanted)
    except IndexError as error:
        raise FieldValueError(f"`flips` must be bits of the model. Got {flip}: {error}", "flips") from error
    if int(found.tile) < 0:
        raise FieldValueError(
            f"`flips` must be bits that cells hold. Got {flip}, whose array was released or whose column was merged with "
            "an equal one.",
            "flips",
        )
    _check_bit(array, flip, found)
    return int(found.tile), int(found.row), int(found.column)


def array_of(arrays: dict[str, CrossbarArray], layer: str, field: str) -> CrossbarArray:
    """Return the programmed array of a layer by its name."""
    if layer not in arrays:
        raise FieldValueError(
            f"`{field}` must name analog layers. Got {layer!r}; there are {', '.join(arrays)}.", field
        )
    arrays[layer].require_programmed()
    return arrays[layer]


def bits_by_name(flips: Sequence[BitFlip]) -> dict[str, list[BitFlip]]:
    """Sort flips by their layers."""
    found: dict[str, list[BitFlip]] = {}
    for flip in flips:
        found.setdefault(flip.layer, []).append(flip)
    return found


def _address(arrays: dict[str, CrossbarArray], flip: BitFlip) -> dict[str, int]:
    array = array_of(arrays, flip.layer, "flips")
    tile, row, column = cell_of(array, flip)
    placement = array.placement
    sign = placement.column_significance[tile, column].sign() * placement.row_sign[tile, row]
    return {"sign": int(sign), "tile": tile, "row": row, "column": column}


def _check_bit(array: CrossbarArray, flip: BitFlip, cell: CellPositions) -> None:
    bits = int(array.placement.column_bits[cell.tile, cell.column])
    if flip.bit >= bits:
        raise FieldValueError(f"`bit` must lie in 0 .. {bits - 1}, the bits of that cell. Got {flip}.", "bit")
