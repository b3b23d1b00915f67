"""A study as a user writes it, for tests to kill: `python killed_study.py FOLDER WORKERS`."""

import sys
from functools import partial
from pathlib import Path

from crossbar.sweeps import Sweep, process_pool
from tests.crossbar.sweeps import sweep_points

SWEEP = Sweep(
    axes={"sigma": [0.0, 0.1, 0.2, 0.3], "bits": [4, 6, 8, 10, 12]}, outputs=sweep_points.OUTPUTS, trials=2, seed=7
)


def main(folder, workers):
    point = partial(sweep_points.slow, folder=folder)
    if workers:
        with process_pool(workers) as pool:
            return SWEEP.run(point, folder / "s.zarr", pool)
    return SWEEP.run(point, folder / "s.zarr")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
