"""What a worker does: compute one point and store it."""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crossbar.sweeps.dimensions import Value
from crossbar.sweeps.records import write_failure, write_started, write_values
from crossbar.sweeps.seeds import TrialSeeds
from crossbar.sweeps.specification import Index
from crossbar.sweeps.trial import TURN, run_trial

# Runs whose setup this process has done. A worker outlives the jobs it gets, and nothing else in it does.
_PREPARED: set[str] = set()


@dataclass(frozen=True, kw_only=True)
class Job:
    """One point with all its trials."""

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
    seeds: tuple[TrialSeeds, ...]
    """Seeds of each trial."""


def run_job(job: Job) -> str | None:
    """Compute and store one point; return None, or in one line what went wrong with it.

    Raises
    ------
    StorageError
        If the store cannot be written.
    """
    write_started(job.store, job.index)
    trials: list[tuple[float, ...]] = []
    try:
        _prepare(job)
        for seeds in job.seeds:
            trials.append(run_trial(job.point, job.parameters, seeds, job.outputs))
    except (Exception, SystemExit) as error:
        write_failure(job.store, job.index, f"In trial {len(trials)}:\n{traceback.format_exc()}")
        return f"{type(error).__name__}: {error}".partition("\n")[0]
    write_values(job.store, job.index, job.outputs, np.array(trials, dtype=np.float64).T)
    return None


def _prepare(job: Job) -> None:
    """Call the run's setup if this process has not done so."""
    with TURN:
        if job.setup is not None and job.run not in _PREPARED:
            job.setup()
            _PREPARED.add(job.run)
