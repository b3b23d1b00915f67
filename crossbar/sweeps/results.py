"""Read a store: finished numbers as a Dataset, failures as tracebacks."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossbar.sweeps.layout import FAILED, FAILURE, axis_attributes, open_store
from crossbar.sweeps.records import find_done, read_marks, read_values
from crossbar.sweeps.specification import Specification

if TYPE_CHECKING:
    import xarray as xr


def load_sweep(store: str | os.PathLike[str]) -> "xr.Dataset":
    """Return what a store holds so far, NaN where nothing is finished; also while a sweep is running.

    Raises
    ------
    FileNotFoundError
        If `store` is not the folder of a sweep.
    ImportError
        If zarr is not installed.
    """

    group = open_store(Path(store))
    attributes = dict(group.attrs)
    sweep = Specification.from_json(str(attributes["specification"]))
    values = read_values(group, sweep.output_names)
    return as_dataset(sweep, attributes, values, find_done(values, read_marks(group)))


def sweep_failures(store: str | os.PathLike[str]) -> dict[str, str]:
    """Return the traceback of every failed point by its label, such as "sigma=0.1, bits=4"."""

    group = open_store(Path(store))
    sweep = Specification.from_json(str(group.attrs["specification"]))
    failures: Any = group[FAILURE]
    failed = np.argwhere(read_marks(group) == FAILED).tolist()
    return {sweep.label(tuple(index)): str(failures[tuple(index)]) for index in failed}


def as_dataset(
    sweep: Specification,
    attributes: dict[str, Any],
    values: npt.NDArray[np.float64],  # (outputs, axes..., trials)
    done: npt.NDArray[np.bool_],  # (axes...)
) -> "xr.Dataset":
    """Return the numbers of finished points with their names, coordinates and units."""
    import xarray as xr

    coordinates: dict[str, Any] = {}
    for axis in sweep.axes:
        text = isinstance(axis.values[0], str)
        array = np.array(axis.values, dtype=object if text else None)
        coordinates[axis.name] = (axis.name, array, axis_attributes(axis.units, axis.long_name))
    coordinates["trial"] = ("trial", np.arange(sweep.trials), {"long_name": "trial"})
    dimensions = [*(axis.name for axis in sweep.axes), "trial"]
    variables = {
        output.name: (
            dimensions,
            np.where(done[..., None], array, np.nan),
            {"units": output.units, "long_name": output.long_name},
        )
        for output, array in zip(sweep.outputs, values, strict=True)
    }
    return xr.Dataset(variables, coordinates, attributes)
