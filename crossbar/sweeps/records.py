"""Read and write the numbers and the state of single points of a store."""

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossbar.sweeps.errors import StorageError
from crossbar.sweeps.layout import FAILED, FAILURE, MARK, STARTED, open_store
from crossbar.sweeps.specification import Index

if TYPE_CHECKING:
    import zarr


def write_started(path: Path, index: Index) -> None:
    """Note that a point is being computed."""
    _write(path, index, {MARK: np.int64(STARTED)})


def write_failure(path: Path, index: Index, traceback: str) -> None:
    """Store why a point failed."""
    _write(path, index, {FAILURE: traceback, MARK: np.int64(FAILED)})


def write_values(path: Path, index: Index, outputs: tuple[str, ...], values: npt.NDArray[np.float64]) -> None:
    """Store the numbers of a point, `values (outputs, trials)`, and last of all its done mark."""
    numbers: dict[str, Any] = dict(zip(outputs, values, strict=True))
    _write(path, index, {**numbers, MARK: np.int64(_done_mark(values))})


def read_values(group: "zarr.Group", outputs: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """Return the numbers of all points, `(outputs, axes..., trials)`; NaN where chunks are absent or damaged."""
    return np.stack([_read(group[name], chunk_dims=-1) for name in outputs])


def read_marks(group: "zarr.Group") -> npt.NDArray[np.int64]:
    """Return the marks of all points, `(axes...)`."""
    marks: npt.NDArray[np.int64] = _read(group[MARK], chunk_dims=None)
    return marks


def find_done(values: npt.NDArray[np.float64], marks: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which points are finished: those whose mark is the checksum of their numbers.

    A power cut can leave a mark without the numbers that were written before it; such a point is not done.
    """
    done = np.asarray(marks > 0)
    for index in map(tuple, np.argwhere(done)):
        done[index] = marks[index] == _done_mark(values[(slice(None), *index)])
    return done


def _done_mark(values: npt.NDArray[np.float64]) -> int:
    return 1 + zlib.crc32(np.ascontiguousarray(values, dtype="<f8").tobytes())


def _write(path: Path, index: Index, entries: dict[str, Any]) -> None:
    try:
        group = open_store(path, mode="r+")
        for name, value in entries.items():
            group[name][index] = value
    except OSError as error:
        raise StorageError(f"The store {path} cannot be written: {error}. Make room or restore it, then run again; "
                           "finished points are kept.") from error  # fmt: skip


def _read(array: Any, chunk_dims: int | None) -> Any:
    """Return the whole array; if a chunk is damaged, everything but that chunk, which stays at the fill value."""
    try:
        return np.asarray(array[...])
    except (ValueError, RuntimeError, OSError):
        # How a damaged chunk shows depends on zarr's codecs; what else fails here fails again below, chunk by chunk.
        whole = np.full(array.shape, array.fill_value, dtype=array.dtype)
    for index in np.ndindex(array.shape[:chunk_dims]):
        try:
            whole[index] = array[index]
        except (ValueError, RuntimeError):
            continue
    return whole
