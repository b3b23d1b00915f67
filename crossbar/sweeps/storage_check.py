"""Find out that a store cannot take the results before they are computed."""

import os
import shutil
import uuid
from pathlib import Path

from crossbar.sweeps.errors import StorageError

_BLOCK = 4096
# A job's files: its numbers, its mark, a traceback, and the folders they lie in.
_FILES_BESIDE_OUTPUTS = 4


def check_storage(path: Path, *, jobs: int, outputs: int, trials: int) -> None:
    """Raise unless `path` can be written and has room for the remaining jobs.

    Raises
    ------
    StorageError
        If the folder is read-only or its disk too full.
    """
    chunk = _BLOCK * -(-8 * trials // _BLOCK)
    needed = jobs * (outputs * chunk + _FILES_BESIDE_OUTPUTS * _BLOCK)
    probe = path / f".probe-{uuid.uuid4().hex}"
    try:
        free = shutil.disk_usage(path).free
        with probe.open("wb") as file:
            file.write(bytes(chunk))
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
