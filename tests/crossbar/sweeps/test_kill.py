"""Processes killed at random moments lose nothing that was finished."""

import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from crossbar.sweeps import Sweep, SweepError, load_sweep, process_pool
from tests.crossbar.sweeps import killed_study, sweep_points

HERE = Path(__file__).parent


def log_lines(folder):
    log = folder / "log"
    return log.read_text().splitlines() if log.exists() else []


def finished_points(folder):
    """Labels of the finished points, as the log writes them."""
    if not (folder / "s.zarr").exists():
        return set()
    done = load_sweep(folder / "s.zarr").accuracy.isel(trial=0).stack(point=("sigma", "bits")).dropna("point")
    return {f"{sigma} {bits}" for sigma, bits in done.point.values}


def run_and_kill(folder, workers, trials, delay):
    """Start the study in processes of its own and kill it `delay` seconds into trial number `trials`."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[2])])}
    command = [sys.executable, str(HERE / "killed_study.py"), str(folder), str(workers)]
    before = len(log_lines(folder))
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    while len(log_lines(folder)) < before + trials and process.poll() is None:
        time.sleep(0.005)
    time.sleep(delay)
    # Only the study itself: its workers are to notice by themselves.
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 10
    while processes_of_leader(process.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert processes_of_leader(process.pid) == []


def processes_of_leader(leader):
    """Living processes that one process leads, zombies left out."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, led_by = stat.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(led_by) == leader and state != "Z":
            found.append(stat.parent.name)
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for orphans in /proc")
@pytest.mark.parametrize(
    ("workers", "kills"),
    [(0, 3), (2, 1), *(pytest.param(*many, marks=pytest.mark.slow) for many in [(0, 15), (2, 8)])],
)
def test_killed_at_random_moments_and_run_again(workers, kills, tmp_path):
    moments = random.Random(workers)
    for _ in range(kills):
        before, lines = finished_points(tmp_path), len(log_lines(tmp_path))
        run_and_kill(tmp_path, workers, moments.randint(1, 3 + 20 // kills), moments.uniform(0.0, 0.05))
        recomputed = {line.rpartition(" ")[0] for line in log_lines(tmp_path)[lines:]}
        assert before.isdisjoint(recomputed)
        assert before <= finished_points(tmp_path)
    resumed = killed_study.main(tmp_path, 0)
    (tmp_path / "whole").mkdir()
    assert resumed.identical(killed_study.main(tmp_path / "whole", 0))
    # Each kill can have cost no more than the points in work at that moment.
    assert len(log_lines(tmp_path)) <= 2 * (20 + kills * max(workers, 1))


def test_a_killed_worker_breaks_the_pool_and_loses_nothing(tmp_path):
    sweep = Sweep(axes={"sigma": np.linspace(0, 1, 15), "bits": [4]}, outputs=sweep_points.OUTPUTS, trials=2)
    point = partial(sweep_points.dies_once, folder=tmp_path)
    with process_pool(2) as pool, pytest.raises(SweepError) as caught:
        sweep.run(point, tmp_path / "s.zarr", pool)
    assert "The executor takes no more jobs" in str(caught.value)
    assert "Being computed at that moment: " in str(caught.value)
    assert "sigma=0.5, bits=4" in str(caught.value)
    assert caught.value.__cause__ is not None
    done = finished_points(tmp_path)
    assert 0 < len(done) < 15
    lines = len(log_lines(tmp_path))
    resumed = sweep.run(point, tmp_path / "s.zarr")
    assert done.isdisjoint(line.rpartition(" ")[0] for line in log_lines(tmp_path)[lines:])
    assert resumed.identical(sweep.run(point, tmp_path / "whole.zarr"))


def test_a_point_that_kills_its_worker_does_not_stand_in_the_way(sweep, tmp_path):
    point = partial(sweep_points.kills_its_worker, folder=tmp_path)
    for missing in (6, 1):
        with process_pool(1) as pool, pytest.raises(SweepError, match=rf"{missing} of 6 .*") as caught:
            sweep.run(point, tmp_path / "s.zarr", pool)
        assert "Being computed at that moment: sigma=0.0, bits=4." in str(caught.value)
    (tmp_path / "healed").touch()
    resumed = sweep.run(point, tmp_path / "s.zarr")
    assert resumed.identical(sweep.run(point, tmp_path / "whole.zarr"))
