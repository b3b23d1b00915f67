"""What a worker does: compute one point and write it into the journal."""

import os
import platform
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from crossbar.sweeps.dimensions import Value
from crossbar.sweeps.journal import Kind, Record, append_record
from crossbar.sweeps.seeds import TrialSeeds
from crossbar.sweeps.specification import Index
from crossbar.sweeps.trial import TURN, run_trial

# Runs whose setup this process has done. A worker outlives the jobs it gets, and nothing else in it does.
_PREPARED: set[str] = set()

_PATIENCE = 5.0
"""Trials of a point that takes longer than this [s] are stored, and reported, before the others are computed."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One point with those of its trials that are still to do."""

    run: str
    """Names the call of `Sweep.run` that this job belongs to."""
    point: Callable[..., Mapping[str, float]]
    """The point function."""
    setup: Callable[[], object] | None
    """Called once per process and run."""
    store: Path
    """Absolute path of the store."""
    index: Index
    """Position of the point."""
    parameters: dict[str, Value]
    """Value of each axis."""
    outputs: tuple[str, ...]
    """Names of the numbers to store."""
    first_trial: int
    """Trials before this one are stored."""
    seeds: tuple[TrialSeeds, ...]
    """Seeds of each trial still to do."""


def run_job(job: Job, report: Callable[[int], object] | None = None) -> str | None:
    """Compute and store one point; return None, or in one line what went wrong with it.

    Parameters
    ----------
    job
        The point.
    report
        Called with the number of each trial that is done.

    Raises
    ------
    StorageError
        If the store cannot be written.
    """
    _note(job, "started", job.first_trial)
    trials: list[tuple[float, ...]] = []
    first, noted = job.first_trial, time.monotonic()
    try:
        _prepare(job)
        for trial, seeds in enumerate(job.seeds, start=job.first_trial):
            if trials and time.monotonic() - noted > _PATIENCE:
                _note_values(job, first, trials)
                _note(job, "started", trial)
                first, trials, noted = trial, [], time.monotonic()
            trials.append(run_trial(job.point, job.parameters, seeds, job.outputs))
            if report is not None:
                report(trial)
    except (Exception, SystemExit) as error:
        failed = first + len(trials)
        _note(job, "failed", failed, f"In trial {failed}:\n{traceback.format_exc()}")
        return f"{type(error).__name__}: {error}".partition("\n")[0]
    _note_values(job, first, trials)
    return None


def _note_values(job: Job, first: int, trials: list[tuple[float, ...]]) -> None:
    """Store the outputs of the trials from `first` on, given as (trials, outputs)."""
    _note(job, "values", first, [list(values) for values in zip(*trials, strict=True)])


def _note(job: Job, kind: Kind, trial: int, content: str | list[list[float]] = "") -> None:
    writer = f"{job.run}-{platform.node()}-{os.getpid()}"
    append_record(job.store, writer, Record(kind, tuple(job.parameters.values()), time.time(), trial, content))


def _prepare(job: Job) -> None:
    """Call the run's setup if this process has not done so."""
    with TURN:
        if job.setup is not None and job.run not in _PREPARED:
            job.setup()
            _PREPARED.add(job.run)
