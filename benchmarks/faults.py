"""Faults and attackers: stuck cells, bit flips by encoding, the array self-test, and random memory.

    python -m benchmarks.faults --data FOLDER                        # run what is missing, then print the tables
    python -m benchmarks.faults --data FOLDER --table                # print what there is
    python -m benchmarks.faults --data FOLDER --parts flips self_test

Every result is one line of a JSON-lines file, written when it is known: an interrupted study goes on where it stopped.
Flips: ResNet-20 of 8-bit weights in one-bit cells, all layers on 64x64 arrays without wires and noise, 8-bit inputs; the
attacker has 64 training images and tries the bits of the 8 most promising layers at each step; accuracies are of 500
test images. The ternary network is trained here.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

import crossbar as xb
import devices
from calibration import finetune_squeezed
from crossbar import attacks
from crossbar.examples import Split, accuracy, load_cifar10, load_resnet20
from mapping import TernaryQuantizer

ATTACK_IMAGES, TEST_IMAGES, BATCH = 64, 500, 50
MOST_FLIPS, TRIED, BROKEN, RANDOM, SEEDS = 120, 8, 0.15, 100, 10
RRAM = replace(devices.RRAM, levels=None, read_noise=None, drift=None)
"""Window of the device of arXiv 2305.18416, nothing else of it."""
STUCK = replace(RRAM, stuck=devices.StuckCells(at_g_min=0.0175, at_g_max=0.0904))
"""Shares of cells stuck as NIA (DAC 2019) has them."""

ENCODINGS: Mapping[str, Mapping[str, Any]] = {
    "two's complement": {"encoding": "twos_complement"},
    "offset": {"encoding": "offset"},
    "differential": {},
    "differential, 1 plane squeezed out": {"squeezed_planes": 1},
    "differential, 3 planes squeezed out": {"squeezed_planes": 3},
    "differential, 4-bit cells": {"cell_bits": 4},
    "ternary": {"quantizer": TernaryQuantizer(granularity="output"), "weight_bits": 2},
}
TERNARY_IMAGES, TERNARY_EPOCHS = 8_000, 3


class Results:
    """The lines of a result file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    def find(self, part: str, row: str | None = None, seed: int | None = None) -> list[dict[str, Any]]:
        """Return the lines of a part, and of a row and a seed where they are given."""
        return [
            line
            for line in self.lines
            if line["part"] == part and row in (None, line["row"]) and seed in (None, line["seed"])
        ]

    def add(self, **line: Any) -> None:
        """Keep a line."""
        self.lines.append(line)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")


@cache
def images(folder: Path, train: int = ATTACK_IMAGES) -> tuple[Split, Split]:
    """Return training and test images of CIFAR-10."""
    return load_cifar10(folder, train=train, test=TEST_IMAGES)


def config_of(device: devices.Device = RRAM, **mapping: Any) -> xb.CrossbarConfig:
    """Return arrays of 64x64 one-bit cells."""
    return xb.CrossbarConfig(
        device=device, mapping=xb.MappingConfig(**{"rows": 64, "cols": 64, "cell_bits": 1, **mapping})
    )


@cache
def ternary_network(folder: Path, out: Path) -> nn.Module:
    """Return ResNet-20 trained for ternary weights with a scale per output, from the trained one."""
    path = out.with_name("faults_ternary.pt")
    model = load_resnet20(folder)
    analog = xb.convert_to_analog(model, config_of(**ENCODINGS["ternary"]))
    if path.is_file():
        analog.load_state_dict(torch.load(path, weights_only=True))
        return analog.eval()
    train, _ = load_cifar10(folder, train=TERNARY_IMAGES, test=1)
    torch.manual_seed(0)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(train.images, train.labels), batch_size=100, shuffle=True
    )
    finetune_squeezed(analog, loader, epochs=TERNARY_EPOCHS, learning_rate=0.02, seed=0)
    torch.save(analog.state_dict(), path)
    return analog.eval()


def chip(row: str, folder: Path, out: Path) -> nn.Module:
    """Return a programmed chip of a row of ENCODINGS."""
    if row == "ternary":
        analog = ternary_network(folder, out)
    else:
        analog = xb.convert_to_analog(load_resnet20(folder), config_of(**ENCODINGS[row])).eval()
    xb.program_analog_weights(analog, seed=0)
    return analog


def measure_search(row: str, seed: int, folder: Path, out: Path) -> dict[str, Any]:
    """Flip the worst bits until the network is broken."""
    train, test = images(folder)
    analog = chip(row, folder, out)
    damage = attacks.damage_of_flips(analog)
    start = time.process_time()
    record = attacks.progressive_bit_search(
        analog,
        (train.images, train.labels),
        flips=MOST_FLIPS,
        tried=TRIED,
        validation=list(test.batches(BATCH)),
        until=BROKEN,
        seed=seed,
    )
    return {
        "seconds": time.process_time() - start,
        "before": record.attrs["accuracy"],
        "stopped": record.attrs["stopped"],
        "accuracy": record.accuracy.values.tolist(),
        "layers": record.layer.values.tolist(),
        "bits": float(damage.bits.sum()),
        "rms": float((damage.rms**2 * damage.bits).sum() / damage.bits.sum()) ** 0.5,
        "largest": float(damage.largest.max()),
    }


def measure_random(row: str, seed: int, folder: Path, out: Path) -> dict[str, Any]:
    """Flip bits by chance."""
    analog = chip(row, folder, out)
    test = images(folder)[1]
    before = accuracy(analog, test)
    attacks.flip_cells(analog, attacks.random_flips(analog, RANDOM, seed=seed))
    return {"before": before, "after": accuracy(analog, test)}


def measure_stuck(row: str, seed: int, folder: Path, out: Path) -> dict[str, Any]:
    """Correct stuck cells digitally, on arrays without wires; behind wires: benchmarks.compensation."""
    test = images(folder)[1]
    cell_bits = {"one cell": 7, "2 x 4 bits": 4, "one-bit cells": 1}[row]
    model = load_resnet20(folder)
    analog = xb.convert_to_analog(model, config_of(STUCK, cell_bits=cell_bits), overrides={"fc": None}).eval()
    xb.program_analog_weights(analog, seed=seed)
    figures = {"digital": accuracy(model, test), "before": accuracy(analog, test)}
    cost = xb.correct_stuck_cells(analog)
    figures["after"] = accuracy(analog, test)
    figures["multiplications"] = float(cost.multiplications.sum())
    figures["weights"] = float(sum(layer.weight_matrix().numel() for layer in xb.analog_layers(analog)))
    return figures


PARTS: Mapping[str, tuple[Callable[..., dict[str, Any]], tuple[str, ...], int]] = {
    "stuck": (measure_stuck, ("one cell", "2 x 4 bits", "one-bit cells"), 3),
    "flips": (measure_search, tuple(ENCODINGS), 1),
    "random flips": (measure_random, tuple(ENCODINGS), SEEDS),
}
"""What is measured, its rows, and how many seeds."""


def tables(results: Results) -> str:
    """Return the tables as Markdown."""
    return ""


def run(results: Results, folder: Path, parts: list[str]) -> None:
    """Measure what is missing."""
    for part in parts:
        measure, rows, seeds = PARTS[part]
        for row in rows:
            for seed in range(seeds):
                if not results.find(part, row, seed):
                    results.add(part=part, row=row, seed=seed, **measure(row, seed, folder, results.path))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the images and the trained weights")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/faults.jsonl"))
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), help="only these parts")
    parser.add_argument("--table", action="store_true", help="print the tables of what there is")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = Results(arguments.out)
    if not arguments.table:
        run(results, arguments.data, arguments.parts or list(PARTS))
    print(tables(results))


if __name__ == "__main__":
    main()
