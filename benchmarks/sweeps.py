"""How a sweep scales with worker processes, and what the engine itself costs per point.

Usage: python -m benchmarks.sweeps [--workers 2] [--points 24] [--repeats 3] [--empty-points 100000]

The work of a point is a small network's forward passes on one torch thread. Both runs use a warm pool with the model
already loaded, as a long sweep does; the ratio is that of the whole `Sweep.run`, storage included. A bare pool on the
same work shows what the machine allows at that moment.
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


def bookkeeping(points):
    """Points per second, files, and seconds to find that nothing is left, where a point itself costs nothing."""
    sweep = Sweep(axes={"a": range(points // 100), "b": range(100)}, outputs={"mean": {"units": "1"}})
    with tempfile.TemporaryDirectory() as folder:
        store, times = Path(folder) / "s.zarr", []
        for _ in range(2):
            start = time.perf_counter()
            sweep.run(empty_point, store)
            times.append(time.perf_counter() - start)
        files = sum(file.is_file() for file in store.rglob("*"))
    print(f"bookkeeping: {points} points, {points / times[0]:.0f} points/s, {files} files, resumed in {times[1]:.2f} s")


def bare_seconds(points, pool):
    """The same work and the same seeds without the engine: nothing stored, nothing resumable."""
    start = time.perf_counter()
    for future in [pool.submit(bare_point, {"sigma": i / points}) for i in range(points)]:
        future.result()
    return time.perf_counter() - start


def bare_point(parameters):
    return working_point(parameters, generator=torch.Generator())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--points", type=int, default=24)
    parser.add_argument("--empty-points", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    points = arguments.points
    seconds(empty_point, 10)
    bookkeeping(arguments.empty_points)
    ratios = {"sweep": [], "bare pool": []}
    with process_pool(1) as one, process_pool(arguments.workers) as many:
        for pool, workers in ((one, 1), (many, arguments.workers)):
            seconds(working_point, 4 * workers, pool)
        for _ in range(arguments.repeats):
            ratios["sweep"].append((seconds(working_point, points, one), seconds(working_point, points, many)))
            ratios["bare pool"].append((bare_seconds(points, one), bare_seconds(points, many)))
    for name, pairs in ratios.items():
        alone, together = (min(times) for times in zip(*pairs, strict=True))
        print(f"{name}: {points} points, 1 worker {alone:.2f} s, {arguments.workers} workers {together:.2f} s, "
              f"{alone / together:.2f}x")  # fmt: skip


if __name__ == "__main__":
    main()
