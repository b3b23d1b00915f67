"""Do the tests notice a wrong token? A sample of one-token mutations, each run against the tests that execute its line.

`pip install coverage cosmic-ray`, then `python -m benchmarks.mutation --count 200 --coverage C --results R`. The first
run learns which tests execute which line and how long each takes, and keeps it in the folder `C`. Results are appended to
the file `R`: a run that was broken off goes on from there, and several at a time share the work. Mutations are
cosmic-ray's, drawn place by place so that every changed token is as likely as the next; they act on a copy of the
repository.
"""

import argparse
import contextlib
import functools
import importlib.util
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.executed_lines import PYTEST, Knowledge, apart, learn_all

ROOT = Path(__file__).parents[1]
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
_FIRST_FILES = 4
_LEFT_OUT = ("Remove", "Variable", "Exception", "BitOr", "_Is", "_IsNot")
"""Operators that mostly write the same program again: unions in annotations, `is` for `==`, decorators for the reader."""
_KEPT = ("core/ReplaceComparisonOperator_Is_IsNot", "core/ReplaceComparisonOperator_IsNot_Is")


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

    files = dict.fromkeys(test.split("::")[0] for test in tests)
    return int(pytest.main(["-x", *PYTEST, *files], plugins=[Chosen(tests)]))


def stages_of(mutation: Mutation, knowledge: Knowledge, budget: float) -> list[list[str]]:
    """Return which tests a mutation meets first, and which it meets then, within a budget of seconds.

    First the quickest of those that execute its line in a few files, because reading a file of tests takes its time too:
    the file of the same name, and those with most such tests. Then the others, and whatever else could notice.
    """
    covering = knowledge.tests_of(mutation.path, mutation.line)
    area = next(area for area in AREAS if mutation.path.startswith(area))
    counts = Counter(test.split("::")[0] for test in covering)
    files = sorted(counts, key=lambda file: (Path(mutation.path).stem not in file, -counts[file]))
    also = (*REFEREE, *files, *(() if covering else (f"tests/{area}/",)))
    rest = {test for test in knowledge.seconds if test.startswith(also)} - covering
    stages: list[list[str]] = [[], []]
    spent = 0.0
    for test in sorted(covering | rest, key=lambda test: (test in rest, knowledge.seconds[test])):
        spent += knowledge.seconds[test]
        first = test in covering and test.split("::")[0] in files[:_FIRST_FILES] and spent < budget / 2
        if first or spent < budget:
            stages[not first].append(test)
    return [stage for stage in stages if stage]


def noticed_by(mutation: Mutation, knowledge: Knowledge, budget: float, log: Path) -> str:
    """Return the first test that fails with a mutation, "" where none does.

    Tests that take more than five times as long as without it do not end.
    """
    for tests in stages_of(mutation, knowledge, budget):
        limit = 30 + 5 * sum(knowledge.seconds[test] for test in tests)
        if found := apart(functools.partial(run_tests, tests), limit, log):
            return found
    return ""


def results_in(file: Path) -> dict[Mutation, str]:
    """Return what noticed each mutation of a file of results, the last word on each."""
    records = map(json.loads, file.read_text().splitlines() if file.exists() else ())
    return {Mutation(**record["mutation"]): record["found"] for record in records}


@contextlib.contextmanager
def copied() -> Iterator[Path]:
    """Work in a copy of the repository, with what every test imports at hand; gives a file for logs."""
    import pytest  # noqa: F401
    import scipy.optimize
    import scipy.sparse.linalg  # noqa: F401
    import torch._dynamo
    import xarray  # noqa: F401

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "repository"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", "__pycache__", "notebooks", "results"))
        os.chdir(copy)
        sys.path.insert(0, str(copy))
        yield Path(folder) / "log"


def main() -> None:
    """Draw mutations, run the tests, and print what they let pass."""
    parser = argparse.ArgumentParser(description=__doc__)

    def absolute(path: str) -> Path:
        return Path(path).absolute()

    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--area", choices=AREAS, action="append", help="only these folders")
    parser.add_argument("--budget", type=float, default=100, help="seconds of tests, unmutated, for one mutation")
    parser.add_argument(
        "--coverage", type=absolute, required=True, help="folder of what tests execute; learnt if absent"
    )
    parser.add_argument("--results", type=absolute, required=True, help="JSON lines; what is there is skipped")
    parser.add_argument("--again", action="store_true", help="run what was not noticed once more")
    arguments = parser.parse_args()
    again = {m for m, found in results_in(arguments.results).items() if not found} if arguments.again else set()
    with copied() as log:
        learn_all(arguments.coverage, log)
        knowledge = Knowledge(arguments.coverage)
        drawn = sample(arguments.count, arguments.seed, arguments.area or list(AREAS))
        for mutation in random.sample(drawn, len(drawn)):
            if mutation in results_in(arguments.results) and mutation not in again:
                continue
            start = time.perf_counter()
            compiled = Path(importlib.util.cache_from_source(mutation.path))
            compiled.unlink(missing_ok=True)
            Path(mutation.path).write_text(mutation.source())
            found = noticed_by(mutation, knowledge, arguments.budget, log)
            shutil.copy(ROOT / mutation.path, mutation.path)
            compiled.unlink(missing_ok=True)
            seconds = round(time.perf_counter() - start, 1)
            with arguments.results.open("a") as output:
                output.write(json.dumps({"mutation": asdict(mutation), "found": found, "seconds": seconds}) + "\n")
            print(found or "NOT NOTICED", seconds, "s", mutation, flush=True)
    done = results_in(arguments.results)
    missed = [str(mutation) for mutation in drawn if not done[mutation]]
    print(f"Not noticed: {len(missed)} of {len(drawn)}", *missed, sep="\n")


if __name__ == "__main__":
    main()
