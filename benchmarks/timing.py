"""Ratios of times measured side by side, and peaks of memory."""

import resource
import statistics
import time
from collections.abc import Callable, Mapping

import torch

_CPU = torch.device("cpu")


def ratios(
    cases: Mapping[str, Callable[[], object]], *, base: str, rounds: int = 15, device: torch.device = _CPU
) -> dict[str, float]:
    """Return the median over rounds of each case's time over that of `base`, run in turn within every round.

    CPU time with one thread, because machines are shared; wall time with more, where CPU time counts threads that wait. On
    a GPU the time between two events around the work, waited for.
    """
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for run in cases.values():
        run()
    for _ in range(rounds):
        for name, run in cases.items():
            seconds[name].append(seconds_of(run, device))
    return {
        name: statistics.median(own / other for own, other in zip(times, seconds[base], strict=True))
        for name, times in seconds.items()
    }


def seconds_of(run: Callable[[], object], device: torch.device = _CPU) -> float:
    """Return how long work that runs on a device takes."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.synchronize(device)
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            run()
            end.record()
            torch.cuda.synchronize(device)
            return start.elapsed_time(end) / 1e3
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    begin = clock()
    run()
    return clock() - begin


def peak_memory() -> float:
    """Return the most memory this process has held [GiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
