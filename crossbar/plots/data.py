"""Take from a Dataset what a plot shows, and refuse what it cannot."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from devices.validation import check_choice

if TYPE_CHECKING:
    import xarray as xr

SPREAD_DIMENSIONS = ("trial", "chip")
"""Dimensions over which results scatter: they are averaged, never drawn one by one."""


def pick_output(dataset: "xr.Dataset", output: str | None, dimensions: Sequence[str]) -> "xr.DataArray":
    """Return one output with no dimensions but `dimensions` and those of spread; dimensions of one value are dropped.

    Raises
    ------
    ValueError
        If `output` or a dimension is not in the Dataset, is left open, or if nothing finished is there to plot.
    """
    names = [str(name) for name in dataset.data_vars]
    if output is None and len(names) != 1:
        raise ValueError(f"`output` must name one of {', '.join(names)}. Got none.")
    chosen = names[0] if output is None else output
    check_choice("output", chosen, names)
    array = dataset[chosen]
    for dimension in dimensions:
        check_choice("axis", dimension, [str(name) for name in array.dims if name not in SPREAD_DIMENSIONS])
    if len(set(dimensions)) != len(dimensions):
        raise ValueError(f"The axes of a plot must differ. Got {', '.join(dimensions)}.")
    kept = {*dimensions, *SPREAD_DIMENSIONS}
    array = array.squeeze([name for name in array.dims if name not in kept and array.sizes[name] == 1])
    left = [str(name) for name in array.dims if name not in kept]
    if left:
        value = array[left[0]].values.tolist()[0]
        raise ValueError(
            f"`{left[0]}` has {array.sizes[left[0]]} values, which this plot cannot show. Choose one first: "
            f'dataset.sel({{"{left[0]}": {value!r}}}).'
        )
    if not bool(array.notnull().any()):
        raise ValueError(f"`{chosen}` must have finished points to plot. All of them are missing.")
    return array


def spread_dimensions(array: "xr.DataArray") -> list[str]:
    """Return the dimensions of `array` over which results scatter."""
    return [str(name) for name in array.dims if name in SPREAD_DIMENSIONS]


def average(array: "xr.DataArray") -> "xr.DataArray":
    """Return the mean over trials and chips with the attributes of `array`."""
    return array.mean(spread_dimensions(array), keep_attrs=True)


def describe(array: "xr.DataArray") -> str:
    """Return what to write beside an axis: the long name, and the unit where there is one."""
    name = str(array.attrs.get("long_name", array.name))
    return f"{name} [{units(array)}]" if units(array) else name


def units(array: "xr.DataArray") -> str:
    """Return the unit of `array`, empty for a pure number."""
    found = str(array.attrs.get("units", "1"))
    return "" if found == "1" else found


def is_numeric(coordinate: "xr.DataArray") -> bool:
    """Return whether values of a coordinate have places on a number line."""
    return np.asarray(coordinate.values).dtype.kind in "iuf"


def tick_labels(coordinate: "xr.DataArray") -> list[str]:
    """Return the values of a coordinate as text."""
    return [f"{value:g}" if is_numeric(coordinate) else str(value) for value in coordinate.values.tolist()]
