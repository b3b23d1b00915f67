"""The folder that holds a sweep: one zarr array per output, one per axis, and the state of the jobs."""

import math
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from crossbar.sweeps.errors import StorageError
from crossbar.sweeps.specification import Specification

if TYPE_CHECKING:
    import zarr

MARK = "jobs/mark"
"""Array with the state of each job: UNTOUCHED, STARTED, FAILED, or 1 + the CRC-32 of its finished numbers."""
FAILURE = "jobs/failure"
"""Array with the traceback of each failed job."""
UNTOUCHED, STARTED, FAILED = 0, -1, -2


def open_store(path: Path, mode: str = "r") -> "zarr.Group":
    """Open the group at `path`.

    Raises
    ------
    ImportError
        If zarr is not installed.
    FileNotFoundError
        If there is no sweep at `path`.
    """

    try:
        group = import_zarr().open_group(path, mode=mode, zarr_format=3)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(f"`store` must be the folder of a sweep. Got {path}, which holds none.") from error
    if "specification_sha256" not in group.attrs:
        raise FileNotFoundError(f"`store` must be the folder of a sweep. Got {path}, a zarr group of something else.")
    return cast("zarr.Group", group)


def create_store(path: Path, sweep: Specification, attributes: dict[str, Any]) -> None:
    """Lay out an empty store at `path`, all of it or nothing.

    Raises
    ------
    StorageError
        If the place cannot be written, or already holds something else.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.draft")
        try:
            _write_layout(draft, sweep, attributes)
            # Another process may have laid out the same store meanwhile: the caller compares them.
            try:
                _move(draft, path)
            except FileExistsError:
                open_store(path)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise StorageError(
            f"The store {path} cannot be created: {error}. Choose an empty or absent folder on a disk with space."
        ) from error


def import_zarr() -> Any:
    """Import zarr, or say which extra brings it."""
    try:
        import zarr
    except ImportError as error:
        raise ImportError("zarr is needed to store a sweep: pip install 'aimc-crossbar[sweep]'.") from error
    return zarr


def _write_layout(folder: Path, sweep: Specification, attributes: dict[str, Any]) -> None:
    group = import_zarr().open_group(folder, mode="a", zarr_format=3, attributes=attributes)
    points = sweep.shape[:-1]
    names = [axis.name for axis in sweep.axes]
    for output in sweep.outputs:
        group.create_array(
            output.name,
            shape=sweep.shape,
            chunks=(*(1 for _ in points), sweep.trials),
            dtype="float64",
            fill_value=math.nan,
            compressors=None,
            dimension_names=[*names, "trial"],
            attributes={"units": output.units, "long_name": output.long_name},
        )
    for axis in sweep.axes:
        values = np.array(axis.values)
        text = values.dtype.kind == "U"  # fixed-width text has no stable form in zarr version 3
        array = group.create_array(
            axis.name,
            shape=values.shape,
            dtype="string" if text else values.dtype,
            dimension_names=[axis.name],
            attributes=axis_attributes(axis.units, axis.long_name),
        )
        array[:] = values.astype(object) if text else values
    group.create_array("trial", shape=(sweep.trials,), dtype="int64", dimension_names=["trial"])[:] = np.arange(
        sweep.trials
    )
    ones = tuple(1 for _ in points)
    group.create_array(MARK, shape=points, chunks=ones, dtype="int64", fill_value=UNTOUCHED, compressors=None)
    group.create_array(FAILURE, shape=points, chunks=ones, dtype="string", fill_value="")


def axis_attributes(units: str, long_name: str) -> dict[str, str]:
    """Return the attributes of a coordinate, with units only where it has some."""
    return {"long_name": long_name, **({"units": units} if units else {})}


def _move(source: Path, target: Path) -> None:
    """Rename a folder into place; an empty folder is replaced, any other raises FileExistsError."""
    try:
        source.rename(target)
    except OSError as error:
        if target.is_dir() and any(target.iterdir()):
            raise FileExistsError(f"{target} exists") from error
        raise
