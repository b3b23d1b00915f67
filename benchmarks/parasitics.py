"""Wire solvers: speed against badcrossbar, accuracy and memory, each next to its target.

Every ratio is measured in one run on one machine: the peer and ours in turn, medians. `python -m benchmarks.parasitics
--quick` leaves out 512 x 512. On a busy machine, `--threads 1 --cpu-time` still measures what the work costs.
"""

import argparse
import logging
import statistics
import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from torch import Tensor

from crossbar.parasitics import solve_crossbar, transfer_matrix
from devices import Wires

WIRES = Wires(row=10.0, column=10.0)
INPUTS = 256


clock = time.perf_counter


def median_seconds(action: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        start = clock()
        action()
        seconds.append(clock() - start)
    return statistics.median(seconds)


def random_array(size: int, *batch: int) -> Tensor:
    return 1 / (torch.rand(*batch, size, size, dtype=torch.float64) * 0.99e6 + 1e4)


def badcrossbar_currents(conductance: Tensor, voltages: Tensor) -> Tensor:
    stub = types.ModuleType("cairo")  # it only draws with it
    for name in ("Context", "PDFSurface", "LinearGradient"):
        setattr(stub, name, object)
    sys.modules.setdefault("cairo", stub)
    import badcrossbar

    options = {"r_i": WIRES.row, "node_voltages": False, "all_currents": False}
    solution = badcrossbar.compute(voltages.T.numpy(), (1 / conductance).numpy(), **options)
    return torch.from_numpy(solution.currents.output).reshape(voltages.shape[0], -1)


def row(name: str, measured: str, target: str) -> None:
    print(f"| {name:<62} | {measured:<34} | {target:<18} |", flush=True)


def relative_error(currents: Tensor, referee: Tensor) -> float:
    return float(((currents - referee).abs() / referee.abs().amax(-1, keepdim=True)).max())


def against_badcrossbar(size: int, matrix_target: str, vector_target: str | None) -> None:
    conductance = random_array(size)
    voltages = torch.rand(INPUTS, size, dtype=torch.float64) * 0.3
    ours_repeats, peer_repeats = (9, 5) if size < 256 else (5, 1)
    referee = badcrossbar_currents(conductance, voltages)
    peer = median_seconds(lambda: badcrossbar_currents(conductance, voltages), peer_repeats)
    matrix = median_seconds(lambda: voltages @ transfer_matrix(conductance, WIRES), ours_repeats)
    times = f"{peer / matrix:.0f}x  ({matrix * 1e3:.1f} ms : {peer * 1e3:.0f} ms)"
    row(f"T and {INPUTS} inputs, float64, against badcrossbar, {size}", times, f">= {matrix_target}")
    error = relative_error(voltages @ transfer_matrix(conductance, WIRES), referee)
    row(f"error against badcrossbar, float64, {size}", f"{error:.1e}", "<= 1e-10")
    error = relative_error(voltages @ transfer_matrix(conductance.float(), WIRES).double(), referee)
    row(f"error against badcrossbar, float32, {size}", f"{error:.1e}", "<= 5e-6")
    if vector_target is not None:
        one = voltages[:1]
        peer = median_seconds(lambda: badcrossbar_currents(conductance, one), peer_repeats)
        vector = median_seconds(lambda: solve_crossbar(conductance, one, WIRES), ours_repeats)
        times = f"{peer / vector:.0f}x  ({vector * 1e3:.1f} ms : {peer * 1e3:.0f} ms)"
        row(f"one input vector, solve_crossbar, against badcrossbar, {size}", times, f">= {vector_target}")


def batches(quick: bool) -> None:
    for count, size, target in ((1, 512, "<= 200 ms"), (32, 128, "<= 4 ms"), (128, 64, "<= 0.8 ms")):
        if quick and size == 512:
            continue
        arrays = random_array(size, count).float()
        seconds = median_seconds(lambda arrays=arrays: transfer_matrix(arrays, WIRES), 5)
        row(f"T, float32, batch of {count} of {size}, per array", f"{seconds / count * 1e3:.2f} ms", target)


def gradient() -> None:
    conductance = random_array(128)
    weight = torch.rand_like(conductance)

    def forward() -> Tensor:
        return (transfer_matrix(conductance, WIRES) * weight).sum()

    def both() -> None:
        cells = conductance.clone().requires_grad_()
        (transfer_matrix(cells, WIRES) * weight).sum().backward()

    forward(), both()
    alone = median_seconds(forward, 9)
    total = median_seconds(both, 9)
    row("loss on T and its gradient, 128, against the forward pass", f"{total / alone:.1f}x", "<= 4x")


def memory(size: int) -> None:
    """Peak of a fresh process that computes one transfer matrix, less what it takes to import torch."""
    code = (
        "import resource, torch; from crossbar.parasitics import transfer_matrix; from devices import Wires;"
        f"g = torch.rand({size}, {size}, dtype=torch.float64) * 1e-5;"
        "transfer_matrix(g[:8, :8], Wires(row=1.0, column=1.0));"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "transfer_matrix(g, Wires(row=1.0, column=1.0));"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    row(f"memory for T, float64, {size}", f"{int(done.stdout) / 1024:.0f} MiB", "<= 1 GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out 512 x 512")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cpu-time", action="store_true", help="CPU seconds of all threads instead of wall seconds")
    arguments = parser.parse_args()
    if arguments.cpu_time:
        global clock
        clock = time.process_time
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    logging.disable(logging.INFO)
    row("wires of 10 ohm, resistances uniform in 10 kohm - 1 Mohm", "measured", "target")
    row("-" * 62, "-" * 34, "-" * 18)
    batches(arguments.quick)
    gradient()
    memory(512)
    against_badcrossbar(64, "15x", None)
    against_badcrossbar(128, "12x", "20x")
    against_badcrossbar(256, "12x", "20x")
    if not arguments.quick:
        against_badcrossbar(512, "10x", "80x")


if __name__ == "__main__":
    main()
