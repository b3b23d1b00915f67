"""Which tests execute each line, and how long each takes: learnt once with coverage's contexts."""

import contextlib
import functools
import json
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PYTEST = ("-q", "-n", "0", "-p", "no:cacheprovider", "-rfE")
"""Options: in this process, without leaving anything behind, failures named at the end."""
PACKAGES = ("devices", "mapping", "crossbar", "calibration")
_NOT_LEARNT = (
    "command_line",
    "cost",
    "plots",
    "layer_plots",
    "test_notebooks.py",
    "test_docs.py",
    "test_import_cycles.py",
)
"""Tests in processes of their own, of pages, of pictures and of prices."""


def apart(work: Callable[[], int | None], limit: float, log: Path) -> str:
    """Do work in a process of its own; return the first test that failed, "" where all passed."""

    def inside() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit)))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background ignores
        with open(log, "w") as output, contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = work()
        os._exit(code or 0)

    process = multiprocessing.get_context("fork").Process(target=inside)
    process.start()
    process.join(20 * limit)
    process.kill()
    process.join()
    if process.exitcode in (0, 5):  # 5: a mutation may rename every test that was chosen
        return ""
    failed = [line.split()[1] for line in log.read_text().splitlines() if line.startswith(("FAILED ", "ERROR "))]
    if not failed and process.exitcode not in (-signal.SIGXCPU, -signal.SIGKILL):
        raise RuntimeError(f"The tests did not run, exit code {process.exitcode}.\n{log.read_text()}")
    return failed[0] if failed else "no end"


class Learner:
    """A pytest plugin: which test executes a line, and how long it takes."""

    def __init__(self, coverage: Any) -> None:
        """Take a `coverage.Coverage` that runs."""
        self.coverage = coverage
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Write lines to the account of a test."""
        self.coverage.switch_context(nodeid)
        self.seconds[nodeid] = time.process_time()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Turn the time of its start into its duration."""
        self.seconds[nodeid] = time.process_time() - self.seconds[nodeid]
        self.coverage.switch_context("")

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Put aside what fails without any mutation."""
        if report.failed:
            self.failed.add(report.nodeid)


def learn(tests: Path, file: Path) -> None:
    """Run tests and keep what each executes (a data file of coverage) and its time (beside it, JSON)."""
    import coverage
    import pytest

    watch = coverage.Coverage(data_file=str(file), source=list(PACKAGES), config_file=False)
    watch.set_option("run:relative_files", True)
    watch.start()
    learner = Learner(watch)
    pytest.main([*PYTEST, str(tests)], plugins=[learner])
    watch.stop()
    watch.save()
    seconds = {test: taken for test, taken in learner.seconds.items() if test not in learner.failed}
    file.with_suffix(".json").write_text(json.dumps(seconds))


def learn_all(folder: Path, log: Path) -> None:
    """Learn every folder and file of tests that is neither learnt nor being learnt by a program beside this one."""
    folder.mkdir(exist_ok=True)
    for tests in sorted([*Path("tests").iterdir(), *Path("tests/crossbar").iterdir()]):
        holds_tests = tests.name.startswith("test_") or any(tests.rglob("test_*.py"))
        if holds_tests and tests.name not in ("crossbar", *_NOT_LEARNT):
            with contextlib.suppress(FileExistsError):
                (folder / f"{tests.parent.name}-{tests.stem}.begun").touch(exist_ok=False)
                apart(functools.partial(learn, tests, folder / f"{tests.parent.name}-{tests.stem}"), 7200, log)


class Knowledge:
    """Which tests execute a line."""

    def __init__(self, folder: Path) -> None:
        """Read what `learn_all` kept."""
        from coverage import CoverageData

        self.seconds: dict[str, float] = {}
        self.data = []
        for file in folder.glob("*.json"):
            self.seconds |= json.loads(file.read_text())
            self.data.append(CoverageData(str(file.with_suffix(""))))
            self.data[-1].read()

    def tests_of(self, path: str, line: int) -> set[str]:
        """Return the tests that execute a line of a file; for one that no test is seen to execute, those of the file."""
        executed: dict[int, set[str]] = {}
        for data in self.data:
            for number, tests in data.contexts_by_lineno(path).items():
                executed.setdefault(number, set()).update(test for test in tests if test in self.seconds)
        above = next((number for number in range(line, 0, -1) if number in executed), 0)
        # What runs at import, or out of sight, may matter to whatever uses the file.
        return executed.get(above) or set().union(*executed.values())
