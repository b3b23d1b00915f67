"""Stores of version 0.1: one zarr chunk for each point and output, and a mark beside them."""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossbar.sweeps.arrays import import_zarr
from crossbar.sweeps.journal import Record
from crossbar.sweeps.specification import Specification

MARK = "jobs/mark"
"""Array with the state of each job: 0, STARTED, FAILED, or 1 + the CRC-32 of its finished numbers."""
FAILURE = "jobs/failure"
"""Array with the traceback of each failed job."""
STARTED, FAILED = -1, -2


def read_old_records(path: Path, sweep: Specification) -> tuple[list[Record], int]:
    """Return what an old store holds as records, and how many finished points are damaged."""
    group = import_zarr().open_group(path, mode="r", zarr_format=3)
    values = np.stack([_read(group[name], chunk_dims=-1) for name in sweep.output_names])  # (outputs, axes..., trials)
    marks: npt.NDArray[np.int64] = _read(group[MARK], chunk_dims=None)
    records, damaged = [], 0
    for place in np.argwhere(marks != 0).tolist():
        index = tuple(place)
        point, mark = tuple(sweep.parameters(index).values()), int(marks[index])
        every: tuple[slice | int, ...] = (slice(None), *index)
        numbers = values[every]  # (outputs, trials)
        if mark == STARTED:
            records.append(Record("started", point, 0.0))
        elif mark == FAILED:
            records.append(Record("failed", point, 0.0, content=str(group[FAILURE][index])))
        elif mark == 1 + zlib.crc32(np.ascontiguousarray(numbers, dtype="<f8").tobytes()):
            records.append(Record("values", point, 0.0, content=numbers.tolist()))
        else:
            damaged += 1  # A power cut can leave a mark without the numbers that were written before it.
    return records, damaged


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
