"""Do the tests notice a wrong token? A sample of one-token mutations, each run against the tests that execute its line.

`pip install coverage cosmic-ray`, then `python -m benchmarks.mutation --count 200 --coverage C --results R`. The first
run learns which tests execute which line and how long each takes, and keeps it in `C`; results are appended to `R`, and
a run that was broken off goes on from there. Mutations are cosmic-ray's, drawn place by place so that every changed
token is as likely as the next; they act on a copy of the repository.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("devices", "mapping", "crossbar", "calibration")
AREAS = (
    "crossbar/array",
    "crossbar/converters",
    "crossbar/layers",
    "crossbar/parasitics",
    "mapping",
    "devices",
    "calibration",
    "crossbar/sweeps",
)
"""Folders to mutate, each as often."""
REFEREE = ("tests/reference/", "tests/test_fuzz.py")
"""Whole layers and lives: they meet whatever the tests that execute a line let pass."""
_LEFT_OUT = ("Remove", "Variable", "Exception", "BitOr", "_Is", "_IsNot")
"""Operators that mostly write the same program again: unions in annotations, `is` for `==`, decorators for the reader."""
_KEPT = ("core/ReplaceComparisonOperator_Is_IsNot", "core/ReplaceComparisonOperator_IsNot_Is")
_PYTEST = ("-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-rfE")
_NOT_LEARNT = ("tests/test_notebooks.py", "tests/test_docs.py", "tests/test_import_cycles.py")
"""Tests in processes of their own, or of the pages."""


@dataclass(frozen=True)
class Mutation:
    """One changed token."""

    path: str
    line: int
    operator: str
    occurrence: int

    def source(self) -> str:
        """Return the file with the token changed."""
        from cosmic_ray.mutating import mutate_code
        from cosmic_ray.plugins import get_operator

        return mutate_code((ROOT / self.path).read_text(), get_operator(self.operator)(), self.occurrence)

    def __str__(self) -> str:
        before, after = (ROOT / self.path).read_text().splitlines(), self.source().splitlines()
        old, new = next((a, b) for a, b in zip(before, after, strict=False) if a != b)
        return f"{self.path}:{self.line}\n    - {old.strip()}\n    + {new.strip()}"


def mutations_of(path: Path) -> Iterator[Mutation]:
    """Yield every mutation of a file."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    nodes = list(ast_nodes(get_ast(path.read_text())))
    for name in operator_names():
        if any(part in name for part in _LEFT_OUT) and name not in _KEPT:
            continue
        operator = get_operator(name)()
        positions = [start for node in nodes for start, _ in operator.mutation_positions(node)]
        for occurrence, (line, _) in enumerate(positions):
            yield Mutation(str(path.relative_to(ROOT)), line, name, occurrence)


def sample(count: int, seed: int, areas: list[str]) -> list[Mutation]:
    """Draw mutations, as many in each area."""
    rng = random.Random(seed)
    drawn = []
    for area in areas:
        by_place: dict[tuple[str, int], list[Mutation]] = {}
        for path in sorted((ROOT / area).rglob("*.py")):
            for mutation in mutations_of(path):
                by_place.setdefault((mutation.path, mutation.line), []).append(mutation)
        places = rng.sample(sorted(by_place), min(len(by_place), -(-count // len(areas))))
        drawn += [rng.choice(by_place[place]) for place in places]
    rng.shuffle(drawn)
    return drawn[:count]


class Learner:
    """A pytest plugin: which test executes a line, and how long it takes."""

    def __init__(self, coverage) -> None:
        """Take a `coverage.Coverage` that runs."""
        self.coverage = coverage
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Write lines to the account of a test."""
        self.coverage.switch_context(nodeid)
        self.seconds[nodeid] = time.process_time()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Turn the time of its start into its duration."""
        self.seconds[nodeid] = time.process_time() - self.seconds[nodeid]
        self.coverage.switch_context("")


def learn(file: str) -> int:
    """Run every test once and keep what each executes (a data file of coverage) and its time (beside it, JSON)."""
    import coverage
    import pytest

    watch = coverage.Coverage(data_file=file, source=list(PACKAGES), config_file=False)
    watch.set_option("run:relative_files", True)
    watch.start()
    learner = Learner(watch)
    ignored = [f"--ignore={path}" for path in _NOT_LEARNT]
    code = pytest.main([*_PYTEST, *ignored, "tests"], plugins=[learner])
    watch.stop()
    if code == 0:
        Path(f"{file}.seconds.json").write_text(json.dumps(learner.seconds))
        watch.save()
    return int(code)


class Knowledge:
    """Which tests execute a line."""

    def __init__(self, file: str) -> None:
        """Read what `learn` kept."""
        from coverage import CoverageData

        self.data = CoverageData(file)
        self.data.read()
        self.seconds: dict[str, float] = json.loads(Path(f"{file}.seconds.json").read_text())

    def tests_of(self, mutation: Mutation) -> list[list[str]]:
        """Return the tests that execute a line, and then what else could notice; each the quickest first."""
        lines = self.data.contexts_by_lineno(mutation.path)
        above = next((line for line in range(mutation.line, 0, -1) if line in lines), 0)
        covering = {test for test in lines.get(above, ()) if test}
        # What runs at import, or out of sight, may matter to whatever uses the file.
        covering = covering or {test for tests in lines.values() for test in tests if test}
        files = {test.split("::")[0] for test in covering}
        area = next(area for area in AREAS if mutation.path.startswith(area))
        rest = {test for test in self.seconds if test.split("::")[0] in files or test.startswith(REFEREE)}
        rest |= set() if covering else {test for test in self.seconds if test.startswith(f"tests/{area}")}

        def order(test: str) -> tuple[bool, float]:
            return Path(mutation.path).stem not in test.split("::")[0], self.seconds[test]

        return [sorted(covering, key=order), sorted(rest - covering, key=order)]


class Chosen:
    """A pytest plugin: only these tests, in their order."""

    def __init__(self, tests: list[str]) -> None:
        """Take the names of tests."""
        self.place = {test: place for place, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list) -> None:
        """Choose and order."""
        items[:] = sorted((item for item in items if item.nodeid in self.place), key=lambda i: self.place[i.nodeid])


def run_tests(tests: list[str]) -> int:
    """Run tests in this process."""
    import pytest

    files = list(dict.fromkeys(test.split("::")[0] for test in tests))
    return int(pytest.main([*_PYTEST, *files], plugins=[Chosen(tests)]))


def apart(work: Callable[..., int], argument: object, limit: float, log: Path) -> str:
    """Do work in a process of its own; return the first test that failed, "" where all passed."""

    def inside() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit)))
        with open(log, "w") as output, contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = work(argument)
        os._exit(code)

    process = multiprocessing.get_context("fork").Process(target=inside)
    process.start()
    process.join(20 * limit)
    process.kill()
    process.join()
    if process.exitcode in (0, 5):  # 5: a mutation may rename every test that was chosen
        return ""
    failed = [line.split()[1] for line in log.read_text().splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return failed[0] if failed else f"no end (exit code {process.exitcode})"


def noticed_by(mutation: Mutation, knowledge: Knowledge, budget: float, log: Path) -> str:
    """Return the first test that fails with a mutation, "" where none does within a budget of seconds.

    The tests that execute the line and take a tenth of the budget come first; whoever takes five times as long as
    without the mutation does not end.
    """
    covering, rest = knowledge.tests_of(mutation)
    stages: list[list[str]] = [[], []]
    spent = 0.0
    for test in [*covering, *rest]:
        spent += knowledge.seconds[test]
        if spent < budget:
            stages[test not in covering or spent > budget / 10].append(test)
    for tests in filter(None, stages):
        limit = 30 + 5 * sum(knowledge.seconds[test] for test in tests)
        if found := apart(run_tests, tests, limit, log):
            return found
    return ""


def main() -> None:
    """Draw mutations, run the tests, and print what they let pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--area", choices=AREAS, action="append", help="only these folders")
    parser.add_argument("--budget", type=float, default=200, help="seconds of tests, unmutated, for one mutation")
    parser.add_argument("--coverage", type=os.path.abspath, required=True, help="what tests execute; learnt if absent")
    parser.add_argument("--results", type=os.path.abspath, required=True, help="JSON lines; what is there is skipped")
    parser.add_argument("--again", action="store_true", help="run what was not noticed once more")
    arguments = parser.parse_args()
    drawn = sample(arguments.count, arguments.seed, arguments.area or list(AREAS))
    import scipy.optimize
    import scipy.sparse.linalg  # noqa: F401
    import torch
    import xarray  # noqa: F401

    torch.set_num_threads(1)
    sys.dont_write_bytecode = True
    results = Path(arguments.results)
    done = {}
    for line in results.read_text().splitlines() if results.exists() else ():
        record = json.loads(line)
        done[Mutation(**record["mutation"])] = record["found"]
    with tempfile.TemporaryDirectory() as folder:
        copy, log = Path(folder) / "repository", Path(folder) / "log"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", "__pycache__", "notebooks", "results"))
        os.chdir(copy)
        sys.path.insert(0, str(copy))
        if not Path(arguments.coverage).exists() and (failed := apart(learn, arguments.coverage, 7200, log)):
            raise SystemExit(f"{failed} fails without any mutation.\n{log.read_text()}")
        knowledge = Knowledge(arguments.coverage)
        for number, mutation in enumerate(drawn, 1):
            if mutation not in done or (arguments.again and not done[mutation]):
                start = time.perf_counter()
                (copy / mutation.path).write_text(mutation.source())
                done[mutation] = noticed_by(mutation, knowledge, arguments.budget, log)
                shutil.copy(ROOT / mutation.path, copy / mutation.path)
                seconds = round(time.perf_counter() - start, 1)
                with results.open("a") as output:
                    record = {"mutation": asdict(mutation), "found": done[mutation], "seconds": seconds}
                    output.write(json.dumps(record) + "\n")
                print(f"{number}/{len(drawn)} {done[mutation] or 'NOT NOTICED'} {seconds} s {mutation}", flush=True)
    missed = [str(mutation) for mutation in drawn if not done[mutation]]
    print("Not noticed:", *missed, f"{len(missed)} of {len(drawn)}", sep="\n")


if __name__ == "__main__":
    main()
