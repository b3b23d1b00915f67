"""A process pool fit for torch."""

import multiprocessing
import multiprocessing.connection
import multiprocessing.context
import os
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

import torch

from devices.arguments import checked
from devices.validation import check_integer


@checked
def process_pool(workers: int | None = None, *, torch_threads: int = 1) -> ProcessPoolExecutor:
    """Return a pool of fresh processes, each with its own few torch threads.

    Processes are spawned, not forked: a fork copies torch's thread pools in a state they do not survive. A script that
    uses the pool must therefore keep its own work under `if __name__ == "__main__":`. Workers end with the process that
    made them, however that one ends.

    Parameters
    ----------
    workers
        Number of processes; None for one per CPU this process may use.
    torch_threads
        Threads of each worker; more than CPUs divided by workers slows all of them down.
    """
    count = _cpus() if workers is None else workers
    check_integer("workers", count, at_least=1)
    check_integer("torch_threads", torch_threads, at_least=1)
    return ProcessPoolExecutor(count, mp_context=_QuietContext(), initializer=_start_worker, initargs=(torch_threads,))


class _QuietProcess(multiprocessing.context.SpawnProcess):
    """A process in which Ctrl-C waits until `_start_worker` has said what it does: imports would print where they were."""

    def start(self) -> None:
        if not hasattr(signal, "pthread_sigmask"):
            super().start()
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()  # the process inherits what is blocked
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _QuietContext(multiprocessing.context.SpawnContext):
    Process = _QuietProcess


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _start_worker(torch_threads: int) -> None:
    torch.set_num_threads(torch_threads)
    # Ctrl-C reaches all processes of a terminal: the one that waits says so, the workers end without a word.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the parent to end, then end at once: an orphan would wait for work forever, its model in memory."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
