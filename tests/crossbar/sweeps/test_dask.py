"""A cluster of separate worker processes, one of them killed mid-sweep."""

import os
import signal
import threading
import time
from functools import partial

import numpy as np
import pytest

from crossbar.sweeps import Sweep
from tests.crossbar.sweeps import sweep_points

distributed = pytest.importorskip("distributed", reason="dask is not installed")


def test_a_killed_dask_worker_loses_nothing(tmp_path):
    sweep = Sweep(axes={"sigma": np.linspace(0, 1, 20), "bits": [4, 6]}, outputs=sweep_points.OUTPUTS, trials=2)
    point = partial(sweep_points.slow, folder=tmp_path)
    setup = partial(sweep_points.note_setup, tmp_path)
    log = tmp_path / "log"

    def kill_one():
        while not log.exists() or len(log.read_text().splitlines()) < 12:
            time.sleep(0.005)
        os.kill(int(log.read_text().splitlines()[-1].split()[-1]), signal.SIGKILL)

    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        killer = threading.Thread(target=kill_one)
        killer.start()
        dataset = sweep.run(point, tmp_path / "s.zarr", client.get_executor(), setup=setup, in_flight=8)
        killer.join()
    assert dataset.identical(sweep.run(point, tmp_path / "whole.zarr"))
    workers = (tmp_path / "setups").read_text().split()
    assert len(workers) == len(set(workers)) >= 2
