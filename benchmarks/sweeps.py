"""How a sweep scales with worker processes, and what the engine itself costs per point.

Usage: python benchmarks/sweeps.py [--workers 2] [--points 24]

The work of a point is a small network's forward passes on one torch thread. Both runs use a warm pool with the model
already loaded, as a long sweep does; the ratio is that of the whole `Sweep.run`, storage included.
"""

import argparse
import functools
import tempfile
import time
from pathlib import Path

import torch

from crossbar.sweeps import Sweep, process_pool


@functools.lru_cache(maxsize=1)
def load_model():
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(16, 64, 3), torch.nn.ReLU(), torch.nn.Conv2d(64, 64, 3), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers).eval(), torch.randn(32, 16, 32, 32)


def working_point(parameters, *, generator):
    model, images = load_model()
    with torch.no_grad():
        total = sum(float(model(images + parameters["sigma"] * torch.randn(images.shape)).mean()) for _ in range(6))
    return {"mean": total}


def empty_point(parameters, *, generator):
    return {"mean": 0.0}


def seconds(point, points, executor=None):
    sweep = Sweep(axes={"sigma": torch.linspace(0, 1, points).tolist()}, outputs={"mean": {"units": "1"}}, trials=1)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        sweep.run(point, Path(folder) / "s.zarr", executor)
        return time.perf_counter() - start


def pool_seconds(workers, points):
    with process_pool(workers) as pool:
        seconds(working_point, 4 * workers, pool)
        return seconds(working_point, points, pool)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--points", type=int, default=24)
    arguments = parser.parse_args()
    seconds(empty_point, 10)
    print(f"engine alone: {1e3 * (seconds(empty_point, 510) - seconds(empty_point, 10)) / 500:.2f} ms per point")
    one = many = float("inf")
    for _ in range(3):
        one = min(one, pool_seconds(1, arguments.points))
        many = min(many, pool_seconds(arguments.workers, arguments.points))
    print(f"{arguments.points} points: 1 worker {one:.2f} s, {arguments.workers} workers {many:.2f} s")
    print(f"ratio: {one / many:.2f}")


if __name__ == "__main__":
    main()
