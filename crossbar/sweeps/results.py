"""Read a store: finished numbers as a Dataset, failures as tracebacks, and how far a running sweep is."""

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crossbar.sweeps.arrays import axis_attributes, finished
from crossbar.sweeps.layout import read_attributes
from crossbar.sweeps.specification import Specification
from crossbar.sweeps.state import State
from crossbar.sweeps.store import read_state
from devices.arguments import checked

if TYPE_CHECKING:
    import xarray as xr


@checked
def load_sweep(store: str | os.PathLike[str]) -> "xr.Dataset":
    """Return what a store holds so far, NaN where nothing is finished; also while a sweep is running.

    Raises
    ------
    FileNotFoundError
        If `store` is not the folder of a sweep.
    StorageError
        If its description is damaged.
    ImportError
        If the store was written by version 0.1 and zarr is not installed.
    """
    sweep, attributes, state = _read(store)
    return as_dataset(sweep, attributes, state)


@checked
def sweep_failures(store: str | os.PathLike[str]) -> dict[str, str]:
    """Return the traceback of every failed point by its label, such as "sigma=0.1, bits=4"."""
    sweep, _, state = _read(store)
    return {sweep.label(index): text for index, text in sorted(state.failures.items())}


@dataclass(frozen=True, kw_only=True)
class SweepStatus:
    """How far a sweep is.

    Parameters
    ----------
    points
        Points in all.
    done
        Finished points.
    trials
        Stored trials of all points.
    trials_in_all
        Trials of all points.
    begun
        Labels of the points that are being computed, or were when their process ended.
    failed
        Labels of the points whose last attempt failed.
    idle
        Time since the last word of any worker [s]; infinite where there was none.
    """

    points: int
    done: int
    trials: int
    trials_in_all: int
    begun: tuple[str, ...]
    failed: tuple[str, ...]
    idle: float


@checked
def sweep_status(store: str | os.PathLike[str]) -> SweepStatus:
    """Return how far the sweep in `store` is; also while it is running, which it does not disturb."""
    sweep, _, state = _read(store)
    return SweepStatus(
        points=state.done.size,
        done=int(state.done.sum()),
        trials=int(state.stored.sum()),
        trials_in_all=state.stored.size,
        begun=tuple(sweep.label(tuple(index)) for index in np.argwhere(state.started).tolist()),
        failed=tuple(sweep.label(index) for index in sorted(state.failures)),
        idle=time.time() - state.last if state.last else math.inf,
    )


def as_dataset(sweep: Specification, attributes: dict[str, Any], state: State) -> "xr.Dataset":
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
        output.name: (dimensions, array, {"units": output.units, "long_name": output.long_name})
        for output, array in zip(sweep.outputs, finished(state), strict=True)
    }
    return xr.Dataset(variables, coordinates, attributes)


def _read(store: str | os.PathLike[str]) -> tuple[Specification, dict[str, Any], State]:
    path = Path(store)
    attributes = read_attributes(path)
    sweep = Specification.from_json(attributes["specification"])
    return sweep, attributes, read_state(path, sweep, attributes)
