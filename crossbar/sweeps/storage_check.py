"""Find out that a store cannot take the results before they are computed."""

import os
import shutil
import uuid
from pathlib import Path

from crossbar.sweeps.errors import StorageError

_BLOCK = 4096
_FILES_BESIDE_RESULTS = 16
"""Descriptions, axes and the journal of a process, about one block each."""
_LINES = 400
"""Two lines of the journal without their numbers, about so many bytes."""
_NUMBER = 8 + 22
"""Bytes of a number in the arrays and as text in the journal."""


def check_storage(path: Path, *, jobs: int, outputs: int, trials: int) -> None:
    """Raise unless `path` can be written and has room for the remaining jobs.

    Raises
    ------
    StorageError
        If the folder is read-only or its disk too full.
    """
    needed = jobs * (_LINES + _NUMBER * outputs * trials) + (_FILES_BESIDE_RESULTS + 2 * outputs) * _BLOCK
    probe = path / f".probe-{uuid.uuid4().hex}"
    try:
        free = shutil.disk_usage(path).free
        with probe.open("wb") as file:
            file.write(bytes(_BLOCK))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(
            f"The store {path} cannot be written: {error}. Choose another folder or make room."
        ) from error
    finally:
        probe.unlink(missing_ok=True)
    if free < needed:
        raise StorageError(
            f"The disk of {path} is too full: {jobs} points need about {needed / 1e6:.1f} MB, {free / 1e6:.1f} MB are "
            "free. Make room or choose another folder."
        )
