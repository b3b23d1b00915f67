"""Programming for the wires: accuracy and seconds, beside prototype, targets and published figures.

    python -m benchmarks.compensation --data FOLDER              # run what is missing, then print the tables
    python -m benchmarks.compensation --data FOLDER --table      # print what there is
    python -m benchmarks.compensation --data FOLDER --rows "resnet20 64, analog targets"

Every result is one line of a JSON-lines file, written when it is known: an interrupted study goes on where it stopped.
Seconds are CPU seconds of one thread for programming all layers: mapping, scales, targets and the last transfer matrices.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import crossbar as xb
import devices
from benchmarks.result_lines import ResultLines
from calibration import adapt_batchnorm, compensate_drift
from crossbar.examples import Split, accuracy, load_cifar10, load_resnet20, load_vgg16

TEST_IMAGES, TRAIN_IMAGES, BATCH = 1000, 1000, 50
WIRES = xb.Wires(row=5.0, column=10.0, driver=1e3, sense=1e3)
ZHANG_WIRES = xb.Wires(row=1.0, column=1.0, driver=100.0, sense=100.0)
"""Zhang et al., ASP-DAC 2020, arXiv 1911.12352: 1 ohm wires, 100 ohm at inputs and outputs."""
RRAM = replace(devices.RRAM, levels=None, read_noise=None, drift=None)
"""Window of the device of arXiv 2305.18416, nothing else of it."""
NOISY = replace(RRAM, read_noise=devices.RRAM.read_noise)
DRIFTING = replace(RRAM, drift=devices.PowerLawDrift(nu=0.04, nu_spread=0.01))
ZHANG_DEVICE = devices.Device(g_min=1 / 3e6, g_max=1 / 2e3, levels=256)
STUCK = (0.0175, 0.0904)
"""Shares of cells stuck at one and the other end of the window, as NIA (DAC 2019) has them."""
ON = xb.WireCompensation()
IDEAL = xb.Wires()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One setting, and what is known of it."""

    network: str = "resnet20"
    size: int = 64
    device: devices.Device = RRAM
    wires: xb.Wires = WIRES
    mapping: Mapping[str, Any] = field(default_factory=dict)
    compensation: xb.WireCompensation | None = ON
    adc: xb.ADC | None = None
    bit_serial: bool = False
    time: float = 0.0
    remedy: str = "adapt"
    """What is measured second: exact batch-norm statistics (adapt), a drift factor, digital stuck correction, or none."""
    chips: int = 1
    target: str = "-"

    def config(self) -> xb.CrossbarConfig:
        fields = {"weight_bits": 8, "cell_bits": 7, "rows": self.size, "cols": self.size, **self.mapping}
        return xb.CrossbarConfig(
            device=self.device,
            wires=self.wires,
            mapping=xb.MappingConfig(**fields),
            inputs=xb.InputConfig(dac_bits=1) if self.bit_serial else xb.InputConfig(),
            adc=self.adc,
            compensation=self.compensation,
        )


def _levels(number: int) -> devices.Device:
    return replace(RRAM, levels=number)


def _scaled(factor: float) -> xb.Wires:
    return xb.Wires(**{name: factor * getattr(WIRES, name) for name in ("row", "column", "driver", "sense")})


def _stuck(at_g_min: float, at_g_max: float) -> devices.Device:
    return replace(RRAM, stuck=devices.StuckCells(at_g_min=at_g_min, at_g_max=at_g_max))


TWO_CELLS = {"cell_bits": 4}
ONE_ARRAY: Mapping[str, tuple[int, Mapping[str, Any]]] = {
    "offset, one cell": (64, {"encoding": "offset", "cell_bits": 8}),
    "reference column": (64, {"encoding": "offset", "cell_bits": 8, "reference_column": True}),
    "two's complement, 4-bit cells": (64, {"encoding": "twos_complement", "cell_bits": 4}),
    "two's complement, 1-bit cells": (64, {"encoding": "twos_complement", "cell_bits": 1}),
    "ISAAC (16 bits, 2-bit cells side by side)": (
        128,
        {"weight_bits": 16, "cell_bits": 2, "encoding": "offset", "slicing": "intra"},
    ),
}

ROWS: dict[str, Row] = {
    **{f"resnet20 {size}, as it is": Row(size=size, compensation=None) for size in (64, 128)},
    "resnet20 64, analog targets": Row(target=">= 89.0, <= 6 s"),
    "resnet20 128, analog targets": Row(size=128, target=">= 89.0, <= 6 s"),
    "resnet20 64, 7-bit levels": Row(device=_levels(128), target=">= 88.9"),
    "resnet20 128, 7-bit levels": Row(size=128, device=_levels(128), target=">= 88.9"),
    "resnet20 64, 2 x 4-bit levels": Row(device=_levels(16), mapping=TWO_CELLS, target=">= 88.3"),
    "resnet20 64, 2 x 4-bit levels, no feedback": Row(
        device=_levels(16), mapping=TWO_CELLS, compensation=replace(ON, error_feedback=False)
    ),
    "resnet20 64, read noise": Row(device=NOISY, chips=3, target=">= 83 / >= 88.5"),
    "resnet20 128, read noise": Row(size=128, device=NOISY, chips=3, target=">= 83 / >= 88.5"),
    "resnet20 64, read noise, no wires": Row(device=NOISY, wires=IDEAL, compensation=None, chips=3),
    **{
        f"resnet20 {size}, {name}{label}": Row(
            size=size,
            mapping=mapping,
            wires=wires,
            compensation=on,
            target="within 2 points of no wires" if on else "-",
        )
        for name, (size, mapping) in ONE_ARRAY.items()
        for label, wires, on in ((", no wires", IDEAL, None), (", as it is", WIRES, None), ("", WIRES, ON))
    },
    **{
        f"resnet20 64, bit-serial, 8-bit ADC, range {chosen}{label}": Row(
            adc=xb.ADC(bits=8, range=chosen),
            bit_serial=True,
            wires=wires,
            compensation=on,  # type: ignore[arg-type]
        )
        for chosen in ("full", "column")
        for label, wires, on in ((", no wires", IDEAL, None), ("", WIRES, ON))
    },
    **{
        f"resnet20 64, wires {factor - 1:+.0%} of those assumed": Row(
            wires=_scaled(factor), compensation=replace(ON, wires=WIRES)
        )
        for factor in (0.7, 0.8, 0.9, 1.1, 1.2, 1.3)
    },
    **{
        f"resnet20 64, drift, {t:.0e} s, compensated for {when}": Row(
            device=DRIFTING, time=t, compensation=replace(ON, time=at), remedy="drift"
        )
        for t in (1e2, 1e4, 1e6)
        for when, at in (("t0", 0.0), ("then", t))
    },
    **{
        f"resnet20 64, stuck {low:.2%} low {high:.2%} high, {name}": Row(
            device=_stuck(low, high),
            mapping=mapping,
            compensation=replace(ON, known_faults=known, faults_corrected=corrected),
            remedy="stuck",
            target="<= 0.2 lost",
        )
        for low, high in (STUCK, STUCK[::-1])
        for name, mapping, known, corrected in (
            ("unknown to the cells", {}, False, True),
            ("taken up by partners", {}, True, False),
            ("scale for the correction", {}, True, True),
            ("scale for the correction, 2 x 4 bits", TWO_CELLS, True, True),
        )
    },
    "mnist 128, Zhang's arrays, as it is": Row(
        network="mnist", size=128, device=ZHANG_DEVICE, wires=ZHANG_WIRES, compensation=None, remedy="none"
    ),
    "mnist 128, Zhang's arrays": Row(
        network="mnist",
        size=128,
        device=ZHANG_DEVICE,
        wires=ZHANG_WIRES,
        remedy="none",
        target="<= 0.1 lost, <= 1 s each",
    ),
    "vgg16 128, as it is": Row(network="vgg16", size=128, device=_levels(128), compensation=None),
    "vgg16 128, 7-bit levels": Row(
        network="vgg16", size=128, device=_levels(128), target=">= 87.0 / >= 87.4, <= 180 s"
    ),
}
LOOPS: Mapping[str, xb.ProductProgramming] = {
    "products": xb.ProductProgramming(),
    "cells, write-verify": xb.ProductProgramming(read="cells", rounds=200, patience=200),
}
LOOP_ERROR = 0.02
"""Programming error of the closed loops, of the window."""


@dataclass(frozen=True)
class Work:
    """A trained network, and the images it is measured on."""

    model: nn.Module
    digital: dict[str, None]
    train: Split
    test: Split


@cache
def load(network: str, folder: Path) -> Work:
    """Return a trained network and its images."""
    if network == "mnist":
        train, test = _mnist(folder)
        return Work(_trained_mlp(train), {}, train.first(TRAIN_IMAGES), test)
    train, test = load_cifar10(folder, train=TRAIN_IMAGES, test=TEST_IMAGES)
    if network == "vgg16":
        return Work(load_vgg16(folder), {"2": None}, train, test)
    return Work(load_resnet20(folder), {"fc": None}, train, test)


@cache
def digital(network: str, folder: Path) -> float:
    """Return the accuracy of a trained network."""
    work = load(network, folder)
    return accuracy(work.model, work.test)


def _mnist(folder: Path) -> tuple[Split, Split]:
    with np.load(folder / "mnist.npz") as file:
        parts = [
            Split(
                torch.from_numpy(file[f"x_{name}"]).float().flatten(1) / 255, torch.from_numpy(file[f"y_{name}"]).long()
            )
            for name in ("train", "test")
        ]
    return parts[0], parts[1]


def _trained_mlp(train: Split) -> nn.Sequential:
    """Train 784-500-300-10, the network of Zhang et al."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 300), nn.ReLU(), nn.Linear(300, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(8):
        for chosen in torch.split(torch.randperm(len(train.labels), generator=generator), 128):
            optimizer.zero_grad()
            F.cross_entropy(model(train.images[chosen]), train.labels[chosen]).backward()
            optimizer.step()
    return model.eval()


def measure(row: Row, chip: int, folder: Path) -> dict[str, float]:
    """Program one chip and measure it as programmed and after its remedy."""
    work = load(row.network, folder)
    analog = xb.convert_to_analog(work.model, row.config(), overrides=work.digital).eval()
    start = time.process_time()
    xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(chip))
    figures: dict[str, float] = {"seconds": time.process_time() - start, "digital": digital(row.network, folder)}
    arrays = [layer.array for layer in xb.analog_layers(analog)]
    figures["arrays"] = sum(array.placement.tiles for array in arrays)
    if row.time:
        xb.drift_analog_weights(analog, row.time)
    if row.compensation is not None:
        scales = [float(array.signal) for array in arrays if array.signal is not None]
        figures.update(scale_low=min(scales), scale_high=max(scales))
    errors = [_error(array) for array in arrays]
    figures.update(error_median=float(np.median(errors)), error_worst=max(errors))
    figures["accuracy"] = accuracy(analog, work.test)
    if row.remedy != "none":
        if row.remedy == "adapt":
            adapt_batchnorm(analog, list(work.train.batches(BATCH)))
        elif row.remedy == "drift":
            # Targets for a later time give the right gain then.
            compensate_drift(analog, reference_time=0.0 if row.compensation is None else row.compensation.time)
        else:
            cost = xb.correct_stuck_cells(analog)
            figures.update({name: float(cost[name].sum()) for name in ("stuck_cells", "multiplications")})
            figures["weights"] = float(sum(layer.weight_matrix().numel() for layer in xb.analog_layers(analog)))
        figures["remedied"] = accuracy(analog, work.test)
    return figures


def _error(array: xb.CrossbarArray) -> float:
    ideal = array.placement.to_weight()
    return float((array.effective_weight.t() - ideal).norm() / ideal.norm())


def measure_loop(name: str, folder: Path, results: ResultLines) -> dict[str, float]:
    """Program ResNet-20 in a closed loop; cell by cell with as many pulses as the products took."""
    work = load("resnet20", folder)
    programming = devices.GaussianProgramming(spread=LOOP_ERROR)
    config = replace(Row(device=replace(RRAM, programming=programming)).config(), compensation=None)
    analog = xb.convert_to_analog(work.model, config, overrides=work.digital).eval()
    settings = LOOPS[name]
    if settings.read == "cells":
        settings = replace(settings, pulses_per_cell=results.find(row="closed loop, products")[0]["pulses_per_cell"])
    start = time.process_time()
    counts = xb.program_by_products(analog, settings, generator=torch.Generator().manual_seed(0))
    cells = sum(int(layer.array.placement.used.sum()) for layer in xb.analog_layers(analog))
    figures = {
        "seconds": time.process_time() - start,
        "pulses_per_cell": float(counts.pulses.sum()) / cells,
        "reads": float(counts.reads.sum()),
        "rounds": float(counts.rounds.max()),
        "error_median": float(counts.error.median()),
        "accuracy": accuracy(analog, work.test),
    }
    adapt_batchnorm(analog, list(work.train.batches(BATCH)))
    return {**figures, "remedied": accuracy(analog, work.test), "digital": digital("resnet20", folder)}


def measure_open_loop(folder: Path) -> dict[str, float]:
    """Program ResNet-20 in an open loop with the programming error of the closed ones: one pulse per cell."""
    row = Row(device=replace(RRAM, programming=devices.GaussianProgramming(spread=LOOP_ERROR)))
    return {**measure(row, 0, folder), "pulses_per_cell": 1.0, "reads": 0.0}


def run(results: ResultLines, folder: Path, rows: list[str]) -> None:
    """Measure what is missing."""
    for name in rows:
        for chip in range(ROWS[name].chips):
            if not results.find(row=name, chip=chip):
                results.add(row=name, chip=chip, **measure(ROWS[name], chip, folder))


def run_loops(results: ResultLines, folder: Path) -> None:
    """Measure the closed loops that are missing."""
    for name in LOOPS:
        if not results.find(row=f"closed loop, {name}"):
            results.add(row=f"closed loop, {name}", chip=0, **measure_loop(name, folder, results))
    if not results.find(row="open loop"):
        results.add(row="open loop", chip=0, **measure_open_loop(folder))


def table(results: ResultLines) -> str:
    """Return both tables as Markdown."""
    lines = [
        "| work | accuracy [%] | after remedy [%] | digital [%] | rms error, median (worst) | scales | arrays | seconds "
        "| target |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in ROWS.items():
        found = results.find(row=name)
        if found:
            lines.append(_line(name, row, found))
    loops = [
        "",
        "| closed loop, 2 % programming error | pulses per cell | reads | rms error | accuracy [%] | adapted [%] |",
        "|---|---|---|---|---|---|",
    ]
    for name in ("open loop", *(f"closed loop, {name}" for name in LOOPS)):
        for line in results.find(row=name):
            cells = (f"{line['pulses_per_cell']:.2f}", f"{line['reads']:.3g}", f"{line['error_median']:.3f}")
            loops.append(
                f"| {name} | {' | '.join(cells)} | {100 * line['accuracy']:.1f} | {100 * line['remedied']:.1f} |"
            )
    return "\n".join([*lines, *loops])


def _line(name: str, row: Row, found: list[dict[str, Any]]) -> str:
    first = found[0]
    remedied = _mean(found, "remedied") if "remedied" in first else "-"
    if "multiplications" in first:
        remedied += f" ({100 * first['multiplications'] / first['weights']:.1f} % of the multiplications)"
    scales = f"{first['scale_low']:.2f}-{first['scale_high']:.2f}" if "scale_low" in first else "-"
    cells = [
        name,
        _mean(found, "accuracy"),
        remedied,
        f"{100 * first['digital']:.1f}",
        f"{first['error_median']:.2g} ({first['error_worst']:.2g})",
        scales,
        f"{first['arrays']:.0f}",
        f"{first['seconds']:.1f}",
        row.target,
    ]
    return "| " + " | ".join(cells) + " |"


def _mean(found: list[dict[str, Any]], key: str) -> str:
    values = torch.tensor([100 * line[key] for line in found])
    return f"{values.mean():.1f}" + (f" ± {values.std():.1f}" if len(values) > 1 else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the images and the trained weights")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/compensation.jsonl"))
    parser.add_argument("--rows", nargs="*", choices=list(ROWS), help="only these rows (default: all, and the loops)")
    parser.add_argument("--loops", action="store_true", help="only the closed loops")
    parser.add_argument("--table", action="store_true", help="print the table of what there is")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = ResultLines(arguments.out)
    if not arguments.table:
        if not arguments.loops:
            run(results, arguments.data, arguments.rows or list(ROWS))
        if not arguments.rows:
            run_loops(results, arguments.data)
    print(table(results))


if __name__ == "__main__":
    main()
