"""What is known about every point of a sweep."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from crossbar.sweeps.dimensions import Value
from crossbar.sweeps.journal import Record
from crossbar.sweeps.specification import Index, Specification

_POINTS_IN_TABLE = 500


@dataclass(kw_only=True)
class State:
    """Numbers, and which points are finished, failed or begun."""

    values: npt.NDArray[np.float64]
    """(outputs, axes..., trials), NaN where nothing is stored."""
    stored: npt.NDArray[np.bool_]
    """(axes..., trials): which trials have their numbers."""
    started: npt.NDArray[np.bool_]
    """(axes...): which points were begun and have neither finished nor failed since."""
    failures: dict[Index, str] = field(default_factory=dict)
    """Traceback of each point whose last attempt failed."""
    last: float = 0.0
    """When the last record was written [s since 1970]; 0 for never."""

    @property
    def done(self) -> npt.NDArray[np.bool_]:
        """(axes...): which points have all their trials."""
        return np.asarray(self.stored.all(-1))


def state_of(sweep: Specification, records: Iterable[Record]) -> State:
    """Return what `records`, in the order of time, say about the points of `sweep`; other points are left out."""
    state = State(
        values=np.full((len(sweep.outputs), *sweep.shape), np.nan),
        stored=np.zeros(sweep.shape, dtype=bool),
        started=np.zeros(sweep.shape[:-1], dtype=bool),
    )
    places = [{value: place for place, value in enumerate(axis.values)} for axis in sweep.axes]
    latest: dict[Index, Record] = {}
    numbers: dict[tuple[int, int], dict[Index, Any]] = defaultdict(dict)
    for record in records:
        if record.kind == "table":
            _add_table(state, places, record)
            continue
        index = _index(places, record.point)
        if index is not None:
            latest[index] = record
            if record.kind == "values":
                numbers[record.trial, len(record.content[0])].setdefault(index, record.content)
    for (first, _), group in numbers.items():
        _add(state, np.array(list(group), dtype=np.intp).reshape(len(group), -1), first, np.array(list(group.values())))
    done = state.done
    for index, record in latest.items():
        state.last = max(state.last, record.time)
        if record.kind == "started":
            state.started[index] = not done[index]
        elif record.kind == "failed" and not done[index]:
            state.failures[index] = str(record.content)
    return state


def _index(places: list[dict[Value, int]], point: tuple[Value, ...]) -> Index | None:
    try:
        return tuple([place[value] for place, value in zip(places, point, strict=True)])
    except (KeyError, ValueError):
        return None


def _add_table(state: State, places: list[dict[Value, int]], record: Record) -> None:
    """Note the numbers of a table, leaving out points that are not on the axes."""
    columns = [[place.get(value, -1) for value in column] for place, column in zip(places, record.point, strict=True)]
    points = len(columns[0]) if columns else 1
    indices = np.array(columns, dtype=np.intp).reshape(-1, points).T  # (points, axes)
    numbers = np.array(record.content).reshape(len(record.content), points, -1).swapaxes(0, 1)
    known = (indices >= 0).all(1)
    _add(state, indices[known], record.trial, numbers[known])


def _add(state: State, indices: npt.NDArray[np.intp], first: int, numbers: npt.NDArray[np.float64]) -> None:
    """Note numbers (points, outputs, trials) of trials from `first` on at `indices` (points, axes), if new."""
    points, _, count = numbers.shape
    shape = state.stored.shape
    # Views with one row for each point of the sweep.
    stored = state.stored.reshape(-1, shape[-1])
    values = state.values.reshape(len(state.values), -1, shape[-1])
    rows = np.ravel_multi_index(tuple(indices.T), shape[:-1]) if len(shape) > 1 else np.zeros(points, dtype=np.intp)
    trials = slice(first, first + count)
    kept = stored[rows, trials]  # (points, trials), what was stored first stays
    for array, new in zip(values, numbers[:, :, : kept.shape[1]].swapaxes(0, 1), strict=True):
        array[rows, trials] = np.where(kept, array[rows, trials], new)
    stored[rows, trials] = True


def as_tables(sweep: Specification, state: State) -> list[Record]:
    """Return all numbers of a finished sweep as few records, some points in each so that damage to one costs few."""
    names = [np.array(axis.values, dtype=object) for axis in sweep.axes]
    values = state.values.reshape(len(sweep.outputs), -1, sweep.trials)
    points = values.shape[1]
    records = []
    for first in range(0, points, _POINTS_IN_TABLE):
        rows = np.arange(first, min(first + _POINTS_IN_TABLE, points))
        place = np.unravel_index(rows, sweep.shape[:-1]) if names else ()
        columns = tuple(name[where].tolist() for name, where in zip(names, place, strict=True))
        records.append(Record("table", columns, 0.0, 0, values[:, rows].reshape(len(values), -1).tolist()))
    return records
