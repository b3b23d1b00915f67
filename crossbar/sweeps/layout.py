"""The folder that holds a sweep: its specification, its journal, and arrays that any reader of zarr understands."""

import json
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossbar.atomic_file import write_atomically
from crossbar.sweeps.arrays import write_arrays
from crossbar.sweeps.errors import StorageError
from crossbar.sweeps.journal import FOLDER
from crossbar.sweeps.provenance import specification_sha256
from crossbar.sweeps.specification import Specification
from crossbar.sweeps.state import state_of

_GROUPS = (".", "jobs")
"""Zarr groups that hold the attributes: the second is a copy, for the case that the first is damaged."""
LAYOUT = "layout"
"""Attribute with the version of the layout; stores of version 0.1 have none."""
LAYOUT_VERSION = 2
"""The present one."""


def read_attributes(path: Path) -> dict[str, Any]:
    """Return what the store at `path` says about itself.

    Raises
    ------
    FileNotFoundError
        If there is no sweep at `path`.
    StorageError
        If there is one, but its description is damaged.
    """
    found, damage = False, ""
    for group in _GROUPS:
        try:
            attributes = json.loads((path / group / "zarr.json").read_bytes())["attributes"]
            if "specification_sha256" not in attributes:
                found = True
                continue
            identity = specification_sha256(attributes["specification"], attributes["config"])
            if attributes["specification_sha256"] == identity:
                return dict(attributes)
            damage = damage or f"{path / group / 'zarr.json'} is damaged: its checksum does not hold"
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
            damage = damage or f"{path / group / 'zarr.json'} is damaged: {type(error).__name__}: {error}"
    if damage:
        raise StorageError(f"{damage}. Restore the file from a copy, or use another store.")
    what = "a zarr group of something else" if found else "which holds none"
    raise FileNotFoundError(f"`store` must be the folder of a sweep. Got {path}, {what}.")


def write_attributes(path: Path, attributes: Mapping[str, Any]) -> None:
    """Write what a store says about itself, and the copy of it, as descriptions of zarr groups."""
    description = {"attributes": dict(attributes), "zarr_format": 3, "node_type": "group"}
    for group in _GROUPS:
        file = path / group / "zarr.json"
        try:
            found = json.loads(file.read_bytes())
        except (ValueError, RecursionError, FileNotFoundError):
            found = None
        if found != description:
            file.parent.mkdir(exist_ok=True)
            write_atomically(file, lambda partial: partial.write_text(json.dumps(description, indent=2)))


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
            draft.mkdir()
            write_attributes(draft, attributes)
            write_arrays(draft, sweep, state_of(sweep, []))
            (draft / FOLDER).mkdir()
            # Another process may have laid out the same store meanwhile: the caller compares them.
            try:
                _move(draft, path)
            except FileExistsError:
                read_attributes(path)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise StorageError(
            f"The store {path} cannot be created: {error}. Choose an empty or absent folder on a disk with space."
        ) from error


def _move(source: Path, target: Path) -> None:
    """Rename a folder into place; an empty folder is replaced, any other raises FileExistsError."""
    try:
        source.rename(target)
    except OSError as error:
        if target.is_dir() and any(target.iterdir()):
            raise FileExistsError(f"{target} exists") from error
        raise
