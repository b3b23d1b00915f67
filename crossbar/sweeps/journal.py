"""The journal of a sweep: what happened to which point, one checked line each, appended and never changed.

Every process of a run appends to a file of its own, so that no two of them write to one file, and a process killed at
any moment leaves at worst one torn line. A line is the CRC-32 of a record and the record as JSON; a torn or damaged line
is left out when the journal is read, so that its trials are computed again.
"""

import errno
import json
import os
import uuid
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from crossbar.atomic_file import write_atomically
from crossbar.sweeps.errors import StorageError

FOLDER = Path("jobs", "journal")
"""Where the files lie in the store."""
_SUFFIX = ".jsonl"
_CHECKSUM = 8


Kind = Literal["started", "failed", "values", "table"]


class Record(NamedTuple):
    """One line of the journal."""

    kind: Kind
    """What happened."""
    point: tuple[Any, ...]
    """Value of each axis: it says which point it is, also when axes have grown."""
    time: float
    """When it happened [s since 1970]; whatever is there first counts."""
    trial: int = 0
    """The trial that failed, or the first one of the values."""
    content: str | list[list[float]] = ""
    """Traceback of a failure; or the numbers, (outputs, trials). A table holds many finished points at once: a list of
    values for each axis in `point`, and here the numbers, (outputs, points * trials)."""


def append_record(store: Path, writer: str, record: Record) -> None:
    """Append a record to the file of `writer`, in one write that a killed process has either done or not.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    line = _encode(record)
    try:
        file = os.open(store / FOLDER / f"{writer}{_SUFFIX}", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            if os.write(file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(file)
    except OSError as error:
        raise StorageError(f"The store {store} cannot be written: {error}. Make room or restore it, then run again; "
                           "finished points are kept.") from error  # fmt: skip


def read_records(store: Path) -> tuple[list[Record], int]:
    """Return all records by time, and how many lines are torn or damaged."""
    while True:
        try:
            contents = [path.read_bytes() for path in journal_files(store)]
            break
        except FileNotFoundError:
            continue  # Another process has just put these files together into one: look again.
    lines = [line for content in contents for line in content.split(b"\n") if line]
    whole = [text for line in lines if (text := line[_CHECKSUM + 1 :]) and line.startswith(_checksum(text))]
    # One call for all lines: reading them one by one would take longer than computing trivial points.
    records = [Record(kind, tuple(point), *rest) for kind, point, *rest in json.loads(b"[" + b",".join(whole) + b"]")]
    return sorted(records, key=lambda record: record.time), len(lines) - len(whole)


def journal_files(store: Path) -> list[Path]:
    """Return the files of the journal; none where there is no journal yet."""
    return sorted((store / FOLDER).glob(f"*{_SUFFIX}"))


def replace_files(store: Path, old: Iterable[Path], records: Iterable[Record]) -> None:
    """Write `records` into one new file, and only when it is on the disk remove the files `old`."""
    path = store / FOLDER / f"{uuid.uuid4().hex}{_SUFFIX}"
    write_atomically(path, lambda partial: partial.write_bytes(b"".join(map(_encode, records))))
    for file_of_old in old:
        file_of_old.unlink(missing_ok=True)


def _encode(record: Record) -> bytes:
    text = json.dumps(record, separators=(",", ":")).encode()
    # The line break in front keeps a line torn by a full disk from spoiling the next one.
    return b"\n%b %b\n" % (_checksum(text), text)


def _checksum(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)
