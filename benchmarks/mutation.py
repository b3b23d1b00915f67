"""Do the tests notice a wrong token? A sample of one-token mutations, each run against the tests of its folder.

`pip install cosmic-ray`, then `python -m benchmarks.mutation --count 200 --seed 0`. Mutations are cosmic-ray's, drawn
place by place so that every changed token is as likely as the next; they act on a copy of the repository. What the tests
of the folder and the referee let pass meets the fuzz and the tests of `crossbar` too.
"""

import argparse
import contextlib
import multiprocessing
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
AREAS = {
    "crossbar/array": ("tests/reference", "tests/crossbar/array"),
    "crossbar/converters": ("tests/reference", "tests/crossbar/converters", "tests/crossbar/array"),
    "crossbar/layers": ("tests/reference", "tests/crossbar/layers", "tests/crossbar/test_training.py"),
    "crossbar/parasitics": ("tests/crossbar/parasitics", "tests/reference"),
    "mapping": ("tests/reference", "tests/mapping"),
    "devices": ("tests/devices",),
    "calibration": ("tests/calibration",),
    "crossbar/sweeps": ("tests/crossbar/sweeps",),
}
"""Folders to mutate, and the tests of each, quickest to notice first."""
EVERYWHERE = ("tests/test_fuzz.py", "tests/crossbar")
"""Tests for what those let pass."""
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


def sample(count: int, seed: int, areas: list[str]) -> list[tuple[str, Mutation]]:
    """Draw mutations, as many in each area."""
    rng = random.Random(seed)
    drawn = []
    for area in areas:
        by_place: dict[tuple[str, int], list[Mutation]] = {}
        for path in sorted((ROOT / area).rglob("*.py")):
            for mutation in mutations_of(path):
                by_place.setdefault((mutation.path, mutation.line), []).append(mutation)
        places = rng.sample(sorted(by_place), min(len(by_place), -(-count // len(areas))))
        drawn += [(area, rng.choice(by_place[place])) for place in places]
    rng.shuffle(drawn)
    return drawn[:count]


def tests_for(mutation: Mutation, folders: tuple[str, ...]) -> list[str]:
    """Return the tests of a folder, those of the file itself first."""
    stem = Path(mutation.path).stem
    own = [str(path.relative_to(ROOT)) for folder in folders for path in (ROOT / folder).rglob(f"test_{stem}.py")]
    return [*own, *folders]


def notices(tests: list[str], limit: int, log: Path) -> str:
    """Run tests in a process of their own; return the first that failed, "" where all passed."""
    log.write_text("")
    process = multiprocessing.get_context("fork").Process(target=_run, args=(tests, limit, log))
    process.start()
    process.join()
    if process.exitcode == 0:
        return ""
    failed = [line.split()[1] for line in log.read_text().splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return failed[0] if failed else f"no end (exit code {process.exitcode})"


def _run(tests: list[str], limit: int, log: Path) -> None:
    import pytest

    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    with open(log, "w") as output, contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        code = pytest.main(["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-rfE", *tests])
    os._exit(int(code))


def main() -> None:
    """Draw mutations, run the tests, and print what they let pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--area", choices=AREAS, action="append", help="only these folders")
    parser.add_argument(
        "--limit", type=int, default=300, help="seconds of processor time for the tests of one mutation"
    )
    parser.add_argument("--check", action="store_true", help="first run the tests without any mutation")
    arguments = parser.parse_args()
    drawn = sample(arguments.count, arguments.seed, arguments.area or list(AREAS))
    import numpy  # noqa: F401
    import torch
    import xarray  # noqa: F401

    torch.set_num_threads(1)
    sys.dont_write_bytecode = True
    passed = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "repository"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", "__pycache__", "notebooks", "results"))
        os.chdir(copy)
        sys.path.insert(0, str(copy))
        log = Path(folder) / "log"
        for tests in [*(AREAS[area] for area in sorted({area for area, _ in drawn})), EVERYWHERE] * arguments.check:
            if failed := notices(list(tests), arguments.limit, log):
                raise SystemExit(f"{failed} fails without any mutation.")
        for number, (area, mutation) in enumerate(drawn, 1):
            start = time.perf_counter()
            (copy / mutation.path).write_text(mutation.source())
            found = notices(tests_for(mutation, AREAS[area]), arguments.limit, log)
            found = found or notices(list(EVERYWHERE), arguments.limit, log)
            shutil.copy(ROOT / mutation.path, copy / mutation.path)
            passed += not found
            print(
                f"{number}/{len(drawn)} {found or 'NOT NOTICED'} {time.perf_counter() - start:.0f} s {mutation}",
                flush=True,
            )
    print(f"{passed} of {len(drawn)} not noticed")


if __name__ == "__main__":
    main()
