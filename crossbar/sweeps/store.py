"""Read and maintain the store of a sweep as a whole."""

import contextlib
import logging
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock

from crossbar.sweeps.arrays import write_arrays
from crossbar.sweeps.errors import StorageError
from crossbar.sweeps.journal import FOLDER, journal_files, read_records, replace_files
from crossbar.sweeps.layout import LAYOUT, read_attributes, write_attributes
from crossbar.sweeps.specification import Specification
from crossbar.sweeps.state import State, as_tables, state_of
from crossbar.sweeps.version_0_1 import FAILURE, MARK, read_old_records

_LOGGER = logging.getLogger(__name__)
_MOST_FILES, _MOST_RECORDS = 16, 1000
"""A journal of more than this is put together into one short file when all points are finished."""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time change more of the store at `path` than its own journal.

    Raises
    ------
    StorageError
        If the store cannot be written.
    """
    try:
        with filelock.FileLock(path / "jobs" / "lock"):
            yield
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(
            f"The store {path} cannot be written: {error}. Make room or restore it, then run again; "
            "finished points are kept."
        ) from error


def read_state(path: Path, sweep: Specification, attributes: Mapping[str, Any]) -> State:
    """Return what the store at `path` knows about the points of `sweep`, whichever version has written it."""
    records, damaged = read_records(path)
    if LAYOUT not in attributes:
        old, old_damaged = read_old_records(path, Specification.from_json(attributes["specification"]))
        records, damaged = old + records, old_damaged + damaged
    if damaged:
        _LOGGER.warning("%d records of %s are damaged; what they said is computed again.", damaged, path)
    return state_of(sweep, records)


def renew(path: Path, attributes: Mapping[str, Any]) -> None:
    """Let the store at `path` say `attributes` about itself, and move what version 0.1 left there into the journal.

    To be called where the store is locked.
    """
    found = read_attributes(path)
    if LAYOUT not in found:
        records, _ = read_old_records(path, Specification.from_json(found["specification"]))
        (path / FOLDER).mkdir(parents=True, exist_ok=True)
        replace_files(path, [], records)
    write_attributes(path, attributes)


def publish(path: Path, sweep: Specification, state: State | None) -> State:
    """Write the arrays from the journal, and put the journal together where it has many files and all is finished.

    Parameters
    ----------
    path, sweep
        The store and what it was asked for.
    state
        What is known to be finished, where that is all of `sweep`; None to look.

    Returns
    -------
    State
        What the store holds of `sweep`.

    Raises
    ------
    StorageError
        If the store cannot be written.
    """
    with locked(path):
        # Another run may have let the sweep grow meanwhile: what the store says it holds is what counts.
        held = Specification.from_json(read_attributes(path)["specification"])
        for old in (MARK, FAILURE):
            shutil.rmtree(path / old, ignore_errors=True)
        if state is not None and held == sweep:
            write_arrays(path, sweep, state)
            return state
        files, records = journal_files(path), read_records(path)[0]
        found = state_of(held, records)
        write_arrays(path, held, found)
        # Only now can nothing be lost if another run writes to a file that is removed: all it can bring is here.
        if found.done.all() and max(len(files) / _MOST_FILES, len(records) / _MOST_RECORDS) > 1:
            replace_files(path, files, as_tables(held, found))
        return found if held == sweep else state_of(sweep, records)
