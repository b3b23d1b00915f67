"""Ratios of times measured side by side."""

import statistics
import time
from collections.abc import Callable, Mapping

import torch


def ratios(cases: Mapping[str, Callable[[], object]], *, base: str, rounds: int = 15) -> dict[str, float]:
    """Return the median over rounds of each case's time over that of `base`, run in turn within every round.

    CPU time with one thread, because machines are shared; wall time with more, where CPU time counts threads that wait.
    """
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for run in cases.values():
        run()
    for _ in range(rounds):
        for name, run in cases.items():
            seconds[name].append(_seconds(run))
    return {
        name: statistics.median(own / other for own, other in zip(times, seconds[base], strict=True))
        for name, times in seconds.items()
    }


def _seconds(run: Callable[[], object]) -> float:
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    run()
    return clock() - start
