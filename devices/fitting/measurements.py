"""Measured conductances, brought into one shape and checked."""

import dataclasses
import os
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import xarray as xr

from devices.arguments import checked
from devices.plausibility import LARGEST_CONDUCTANCE
from devices.validation import FieldValueError, check_choice

Array = npt.NDArray[np.float64]
SIEMENS = {"S": 1.0, "mS": 1e-3, "uS": 1e-6, "µS": 1e-6, "μS": 1e-6, "nS": 1e-9}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Measurements:
    """Means over repeated reads: one row per cell and time."""

    cell: npt.NDArray[np.int64]
    """Which cell, (rows,)."""
    target: Array
    """Conductance asked for [S], (rows,)."""
    time: Array
    """Time since programming [s], (rows,)."""
    mean: Array
    """Mean of the reads [S], (rows,)."""
    variance: Array
    """Unbiased variance of the reads [S^2], NaN for a single one, (rows,)."""
    reads: npt.NDArray[np.int64]
    """Number of reads, (rows,)."""

    @property
    def first(self) -> npt.NDArray[np.bool_]:
        """Which rows are a cell's earliest."""
        earliest = np.full(self.cell.max() + 1, np.inf)
        np.minimum.at(earliest, self.cell, self.time)
        return np.asarray(self.time == earliest[self.cell])


@runtime_checkable
class Columns(Protocol):
    """A table of named columns, such as a pandas DataFrame."""

    def to_xarray(self) -> xr.Dataset:
        """Return each column as a variable."""


@checked
def read_measurements(data: xr.Dataset | Columns | str | os.PathLike[str], *, unit: str | None = None) -> Measurements:
    """Return measurements from an xarray Dataset, a pandas DataFrame or a CSV file.

    Parameters
    ----------
    data
        A Dataset with the variables or coordinates `target`, `conductance` and `time`; dimensions called `time` and
        `read` are what they say, all others count cells. Or a DataFrame or a CSV file with a header and one read per
        line, in the columns `target`, `conductance`, `time` and, where cells were measured more than once or at
        several times, `cell`.
    unit
        Unit of `target` and `conductance`: "S", "mS", "uS" or "nS". Default: the `units` attribute, else "S".

    Raises
    ------
    TypeError
        If `data` is none of these.
    ValueError
        If something is missing or contradictory; the message says what.
    """
    table = _read_table(data)
    for name in ("target", "conductance"):
        stated = unit or table.units.get(name, "S")
        check_choice(f"unit of {name}", stated, tuple(SIEMENS))
        table.columns[name] = table.columns[name] * SIEMENS[stated]
    columns = {name: column[np.isfinite(table.columns["conductance"])] for name, column in table.columns.items()}
    _check_columns(columns)
    return _average_reads(columns)


@dataclasses.dataclass
class _Table:
    columns: dict[str, Array]
    units: dict[str, str]


def _read_table(data: xr.Dataset | Columns | str | os.PathLike[str]) -> _Table:
    if isinstance(data, xr.Dataset):
        return _from_dataset(data)
    if isinstance(data, str | os.PathLike):
        read = np.genfromtxt(Path(data), delimiter=",", names=True, dtype=float, encoding="utf-8")
        return _from_columns({name: np.atleast_1d(read[name]) for name in read.dtype.names or ()}, str(data))
    table = data.to_xarray()
    if len(table.dims) > 1:  # of a frame indexed by cell and time, say
        return _from_dataset(table)
    return _from_columns({str(name): np.asarray(column) for name, column in table.variables.items()}, "the table")


def _from_dataset(data: xr.Dataset) -> _Table:
    missing = [name for name in ("target", "conductance", "time") if name not in data.variables]
    if missing:
        raise ValueError(f"`data` must have `target`, `conductance` and `time`. Got no {', '.join(missing)}.")
    fields = xr.broadcast(*(data[name] for name in ("target", "conductance", "time")))
    others = [dim for dim in fields[1].dims if dim not in ("time", "read")]
    shape = [fields[1].sizes[dim] for dim in others]
    cell = xr.DataArray(np.arange(int(np.prod(shape)), dtype=float).reshape(shape), dims=others)
    columns = dict(zip(("target", "conductance", "time"), fields, strict=True)) | {
        "cell": cell.broadcast_like(fields[1]).transpose(*fields[1].dims)
    }
    units = {name: str(data[name].attrs["units"]) for name in ("target", "conductance") if "units" in data[name].attrs}
    return _Table(columns={k: np.asarray(v, dtype=float).ravel() for k, v in columns.items()}, units=units)


def _from_columns(table: dict[str, npt.NDArray[Any]], where: str) -> _Table:
    """Return the columns of one read per line; a line without a `cell` is a cell of its own."""
    missing = [name for name in ("target", "conductance", "time") if name not in table]
    if missing:
        raise FieldValueError(
            f"`data` must have the columns target, conductance and time. Got {', '.join(table) or 'no header'} in {where}.",
            "data",
        )
    columns = {name: _numbers(name, table[name]) for name in ("target", "conductance", "time")}
    if "cell" in table:
        columns["cell"] = np.unique(table["cell"], return_inverse=True)[1].astype(float)
    elif (times := len(np.unique(columns["time"][np.isfinite(columns["time"])]))) > 1:
        raise FieldValueError(
            f"`data` must have a column `cell` where there are several times: without it, a drifted cell counts as "
            f"another one, badly programmed. Got {times} times in {where}. Number the cells.",
            "data",
        )
    else:
        columns["cell"] = np.arange(len(columns["time"]), dtype=float)
    return _Table(columns=columns, units={})


def _numbers(name: str, column: npt.NDArray[Any]) -> Array:
    try:
        return np.asarray(column, dtype=float)
    except (TypeError, ValueError) as error:
        raise FieldValueError(f"`data` must hold numbers in the column {name}. Got {error}.", "data") from error


def _check_columns(columns: dict[str, Array]) -> None:
    if columns["conductance"].size == 0:
        raise ValueError("`data` must hold measured conductances. Got none that is finite.")
    for name, column in columns.items():
        if not np.isfinite(column).all():
            raise ValueError(f"`{name}` must be known wherever a conductance was measured. Got NaN or infinity.")
        if name != "cell" and (column < 0).any():
            raise ValueError(f"`{name}` must be >= 0. Got {column.min():.4g}.")
    largest = max(columns["conductance"].max(), columns["target"].max())
    if largest > LARGEST_CONDUCTANCE:
        raise ValueError(
            f'Conductances must be in siemens. Got up to {largest:.4g}; pass `unit="uS"` or what they are in.'
        )


def _average_reads(columns: dict[str, Array]) -> Measurements:
    _, cell = np.unique(columns["cell"], return_inverse=True)
    low, high = np.full(cell.max() + 1, np.inf), np.full(cell.max() + 1, -np.inf)
    np.minimum.at(low, cell, columns["target"])
    np.maximum.at(high, cell, columns["target"])
    if (torn := int((high - low > 1e-9 * high).sum())) > 0:
        raise ValueError(
            f"`target` must be the same for all reads of a cell. Got {torn} cells with two or more; give each "
            "programming a cell of its own."
        )
    keys, row, reads = np.unique(np.stack([cell, columns["time"]]), axis=1, return_inverse=True, return_counts=True)
    row = row.ravel()
    mean = np.bincount(row, columns["conductance"]) / reads
    squares = np.bincount(row, (columns["conductance"] - mean[row]) ** 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.where(reads > 1, squares / (reads - 1), np.nan)
    return Measurements(
        cell=keys[0].astype(np.int64),
        target=low[keys[0].astype(np.int64)],
        time=keys[1],
        mean=mean,
        variance=variance,
        reads=reads.astype(np.int64),
    )
