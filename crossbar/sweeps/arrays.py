"""The results of a store as zarr arrays, for xarray and every other reader of zarr.

The journal is what counts: these arrays are written from it at the end of every run, and written again where they are
damaged or of another shape.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossbar.sweeps.specification import Specification
from crossbar.sweeps.state import State

_MOST_CHUNKS = 1000
"""More files than this are put together into fewer: stores of version 0.1 have one file for each point."""


def import_zarr() -> Any:
    """Import zarr, or say which extra brings it."""
    try:
        import zarr
    except ImportError as error:
        raise ImportError("zarr is needed to store a sweep: pip install 'aimc-crossbar[sweep]'.") from error
    return zarr


def write_arrays(path: Path, sweep: Specification, state: State) -> None:
    """Write the numbers of finished points and the axes into the store at `path`."""
    group = import_zarr().open_group(path, mode="r+", zarr_format=3)
    names = [axis.name for axis in sweep.axes]
    for output, array in zip(sweep.outputs, finished(state), strict=True):
        attributes = {"units": output.units, "long_name": output.long_name}
        _write(group, path, output.name, array, [*names, "trial"], attributes)
    for axis in sweep.axes:
        values = np.array(axis.values)
        _write(group, path, axis.name, values, [axis.name], axis_attributes(axis.units, axis.long_name))
    _write(group, path, "trial", np.arange(sweep.trials), ["trial"], {})


def finished(state: State) -> npt.NDArray[np.float64]:
    """Return the numbers, (outputs, axes..., trials), of finished points; NaN elsewhere."""
    return np.where(state.done[..., None], state.values, np.nan)


def axis_attributes(units: str, long_name: str) -> dict[str, str]:
    """Return the attributes of a coordinate, with units only where it has some."""
    return {"long_name": long_name, **({"units": units} if units else {})}


def _write(
    group: Any, path: Path, name: str, values: npt.NDArray[Any], dimensions: list[str], attributes: dict[str, str]
) -> None:
    """Write one array unless it is there as it should be."""
    text = values.dtype.kind == "U"  # fixed-width text has no stable form in zarr version 3
    values = values.astype(object) if text else values
    if _holds(group, name, values, attributes):
        return
    shutil.rmtree(path / name, ignore_errors=True)
    array = group.create_array(
        name,
        shape=values.shape,
        dtype="string" if text else values.dtype,
        dimension_names=dimensions,
        attributes=attributes,
        **({"fill_value": np.nan} if values.dtype.kind == "f" else {}),
    )
    array[...] = values


def _holds(group: Any, name: str, values: npt.NDArray[Any], attributes: dict[str, str]) -> bool:
    """Return whether the group has these values under this name, in no more files than they need."""
    try:
        array = group[name]
        if array.shape != values.shape or array.nchunks > _MOST_CHUNKS or dict(array.attrs) != attributes:
            return False
        found = np.asarray(array[...])
        is_float = values.dtype.kind == "f"
        return found.dtype.kind == values.dtype.kind and bool(np.array_equal(found, values, equal_nan=is_float))
    except Exception:
        # How a damaged array shows depends on zarr's codecs; all of them end in writing it again.
        return False
