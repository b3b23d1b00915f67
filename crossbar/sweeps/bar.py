"""The progress bar of a sweep."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from crossbar.progress import progress_bar
from crossbar.sweeps.schedule import Watcher
from crossbar.sweeps.specification import Specification
from crossbar.sweeps.state import State
from crossbar.sweeps.store import read_state

_INTERVAL = 1.0
"""Shortest time between two words about trials [s]."""


@contextlib.contextmanager
def show_progress(
    show: bool, path: Path, sweep: Specification, attributes: Mapping[str, Any], state: State
) -> Iterator[Watcher]:
    """Yield what is to be told how far the jobs are; it shows it where asked to."""
    if not show:
        yield _Silence()
        return
    try:
        found = progress_bar(description="sweep", unit="point", total=state.done.size, done=int(state.done.sum()))
    except ImportError as error:
        raise ImportError("tqdm is needed to show progress: pip install 'aimc-crossbar[sweep]'.") from error
    with found as bar:
        yield _Bar(bar, path, sweep, attributes)


class _Silence:
    """Shows nothing."""

    def finished(self) -> None:
        """Do nothing."""

    def trial(self, number: int) -> None:
        """Do nothing."""

    def waiting(self) -> None:
        """Do nothing."""


class _Bar:
    """Counts points, and speaks of trials where points take long."""

    def __init__(self, bar: Any, path: Path, sweep: Specification, attributes: Mapping[str, Any]) -> None:
        self._bar, self._path, self._sweep, self._attributes = bar, path, sweep, attributes
        self._said = time.monotonic()

    def finished(self) -> None:
        """Move by a point."""
        self._bar.update(1)

    def trial(self, number: int) -> None:
        """Say which trial of the present point is done."""
        if time.monotonic() - self._said > _INTERVAL:
            self._say(f"trial {number + 1} of {self._sweep.trials}")

    def waiting(self) -> None:
        """Say how many trials the workers have stored."""
        stored = read_state(self._path, self._sweep, self._attributes).stored
        self._say(f"{stored.sum()} of {stored.size} trials")

    def _say(self, text: str) -> None:
        self._bar.set_postfix_str(text)
        self._said = time.monotonic()
