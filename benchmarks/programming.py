"""Programming layers of RRAM cells, and cells beside aihwkit's: `python -m benchmarks.programming [--sizes 512 4096]`."""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))

import crossbar as xb
from benchmarks.device_library import print_times
from benchmarks.timing import peak_memory

CONFIG = xb.CrossbarConfig(
    device=xb.devices.RRAM, mapping=xb.MappingConfig(weight_bits=8, cell_bits=4, rows=128, cols=128)
)
ONE = "import sys; from benchmarks.programming import measure; measure(int(sys.argv[1]))"


def measure(size: int) -> None:
    """Print CPU time per weight of programming a layer of `size` x `size` weights, and the peak of this process."""
    torch.set_num_threads(1)
    xb.AnalogLinear.from_digital(nn.Linear(64, 64), CONFIG).program(seed=0)  # what the first call of anything takes
    layer = xb.AnalogLinear.from_digital(nn.Linear(size, size), CONFIG)
    start = time.process_time()
    layer.program(seed=1)
    spent = 1e9 * (time.process_time() - start) / size**2
    print(
        f"Linear {size}x{size}, 2 x 4-bit cells of RRAM: {spent:.0f} ns per weight, process peak {peak_memory():.2f} GiB"
    )


def main() -> None:
    """Print a line for every size, then the times of cells beside aihwkit's models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 4096])
    for size in parser.parse_args().sizes:
        subprocess.run([sys.executable, "-c", ONE, str(size)], cwd=Path(__file__).parents[1], check=True)
    print_times()


if __name__ == "__main__":
    main()
