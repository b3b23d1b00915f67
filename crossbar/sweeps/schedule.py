"""Hand jobs to an executor, a bounded number at a time."""

from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from crossbar.sweeps.errors import StorageError
from crossbar.sweeps.job import Job, run_job
from crossbar.sweeps.specification import Index

_PATIENCE = 5.0
"""Without a job that ends, how long to wait before the watcher hears of it [s]."""


@dataclass
class Outcome:
    """What became of the jobs that were not finished."""

    errors: dict[Index, str] = field(default_factory=dict)
    """In one line the error of each failed or lost job."""
    broken: BaseException | None = None
    """Why the executor takes no more jobs, if it does not."""


class Watcher(Protocol):
    """What wants to know how far the jobs are."""

    def finished(self) -> None:
        """Note that a job ended, well or not."""

    def trial(self, number: int) -> None:
        """Note that a trial of the job computed here is done."""

    def waiting(self) -> None:
        """Note that no job has ended for a while."""


def run_jobs(jobs: Iterable[Job], executor: Executor | None, in_flight: int, watcher: Watcher) -> Outcome:
    """Run all jobs, telling `watcher`, and return what went wrong.

    Raises
    ------
    StorageError
        As soon as a job cannot store its result: computing more would be in vain.
    """
    outcome = Outcome()
    if executor is None:
        for job in jobs:
            _note(outcome, job, run_job(job, watcher.trial))
            watcher.finished()
        return outcome
    queue = iter(jobs)
    waiting: dict[Future[str | None], Job] = {}
    try:
        while True:
            if outcome.broken is None:
                _fill(executor, queue, waiting, in_flight, outcome)
            if not waiting:
                return outcome
            ended = wait(waiting, timeout=_PATIENCE, return_when=FIRST_COMPLETED).done
            if not ended:
                watcher.waiting()
            for future in ended:
                _collect(future, waiting.pop(future), outcome)
                watcher.finished()
    finally:
        for future in waiting:
            future.cancel()


def _fill(
    executor: Executor,
    queue: Iterable[Job],
    waiting: dict[Future[str | None], Job],
    in_flight: int,
    outcome: Outcome,
) -> None:
    """Submit jobs until `in_flight` are waiting."""
    for job in islice(queue, in_flight - len(waiting)):
        try:
            future = executor.submit(run_job, job)
        except Exception as error:
            # A pool that broke or was shut down: what it still holds is collected, what it never got is left for later.
            outcome.broken = error
            return
        if not isinstance(future, Future):
            raise TypeError(
                "`executor` must return futures of concurrent.futures. "
                f"{type(executor).__name__} returns {type(future).__name__}; dask's client.get_executor() does."
            )
        waiting[future] = job


def _collect(future: Future[str | None], job: Job, outcome: Outcome) -> None:
    error = None if future.cancelled() else future.exception()
    if isinstance(error, StorageError):
        raise error
    if isinstance(error, BrokenExecutor):
        outcome.broken = error
    elif future.cancelled():
        outcome.errors[job.index] = "cancelled by the executor"
    else:
        _note(outcome, job, future.result() if error is None else f"{type(error).__name__}: {error}")


def _note(outcome: Outcome, job: Job, error: str | None) -> None:
    if error is not None:
        outcome.errors[job.index] = error
