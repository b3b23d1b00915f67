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
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import crossbar as xb
import devices
from benchmarks.result_lines import ResultLines
from calibration import finetune, finetune_squeezed, train_pair_mask
from crossbar import attacks, self_test
from crossbar.array.rewriting import stored_levels
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


FLIPPED = 10
SELF_TESTS: Mapping[str, self_test.SelfTest] = {
    "random flips, sums": self_test.SelfTest(word_lines=16, false_alarms=5e-4),
    "worst flips, sums": self_test.SelfTest(word_lines=8, false_alarms=5e-4),
    "worst flips, fingerprint": self_test.SelfTest(word_lines=16, false_alarms=5e-4, reference="fingerprint"),
}
"""Flips on differential pairs of one-bit cells: by chance, or by a search, whose flips lie close together."""
MEMORY_IMAGES, MEMORY_EPOCHS = 20_000, 5


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


def measure_self_test(row: str, seed: int, folder: Path, out: Path) -> dict[str, Any]:
    """Test all arrays of ResNet-20 before and after ten flips."""
    device = replace(RRAM, read_noise=devices.RelativeReadNoise(ratio=0.1))
    analog = xb.convert_to_analog(load_resnet20(folder), config_of(device)).eval()
    xb.program_analog_weights(analog, seed=seed)
    torch.manual_seed(seed)
    start = time.process_time()
    checksums = self_test.program_checksums(analog, SELF_TESTS[row], seed=seed)
    cost = self_test.checksum_cost(analog, checksums)
    intact = self_test.check_arrays(analog, checksums)
    flips = _flips_of(row, analog, seed, folder)
    report = self_test.check_arrays(analog, checksums)
    hit = _tiles(flips)
    alarmed = set(_tiles(report.isel(array=report.alarm.values.astype(bool))))
    self_test.repair_faults(analog, self_test.find_faults(analog, checksums, report))
    left = sum(
        int((stored_levels(layer.array) != layer.array.placement.levels)[layer.array.placement.used].sum())
        for layer in xb.analog_layers(analog)
    )
    return {
        "seconds": time.process_time() - start,
        "arrays": intact.sizes["array"],
        "false": int(intact.alarm.sum()) + len(alarmed.difference(hit)),
        "tests": 2 * intact.sizes["array"] - len(set(hit)),
        "hit": len(hit),
        "hit_arrays": len(set(hit)),
        "found": sum(tile in alarmed for tile in hit),
        "left": left,
        "reads": float(cost.reads.max()),
        "share": float(cost.bit_lines.sum() / (cost.bit_lines / cost.share).sum()),
    }


def _flips_of(row: str, analog: nn.Module, seed: int, folder: Path) -> Any:
    """Flip cells by chance, or as an attacker with images of his own for each seed would."""
    if row.startswith("random"):
        return attacks.flip_cells(analog, attacks.random_flips(analog, FLIPPED, seed=seed), seed=seed)
    train, _ = images(folder, (seed + 1) * ATTACK_IMAGES)
    batch = (train.images[-ATTACK_IMAGES:], train.labels[-ATTACK_IMAGES:])
    return attacks.progressive_bit_search(analog, batch, flips=FLIPPED, tried=4, seed=seed)


def _tiles(table: Any) -> list[tuple[str, int]]:
    return list(zip(table.layer.values.tolist(), table.tile.values.tolist(), strict=True))


def measure_memory(row: str, seed: int, folder: Path, out: Path) -> dict[str, Any]:
    """Train a mask, or a read-out alone, on cells as formed."""
    train, test = _mnist(folder)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(784, 512, bias=False), nn.ReLU(), nn.Linear(512, 10, bias=row != "mask of pairs"))
    formed = devices.AsFormedProgramming(median=RRAM.g_max / 2, log_spread=0.5)
    config = xb.CrossbarConfig(device=replace(RRAM, programming=formed), mapping=xb.MappingConfig(cell_bits=7))
    with torch.no_grad():
        for layer in (model[0], model[2]):
            layer.weight *= 3  # random cells give smaller weights than the largest, which sets the scale
    analog = xb.convert_to_analog(model, config, overrides={} if row == "mask of pairs" else {"2": None}).eval()
    xb.program_analog_weights(analog, seed=seed)
    start = time.process_time()
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(train.images, train.labels), batch_size=100, shuffle=True
    )
    if row == "mask of pairs":
        train_pair_mask(
            analog, loader, epochs=MEMORY_EPOCHS, optimizer=lambda p: torch.optim.Adam(p, lr=2e-3), seed=seed
        )
    else:
        finetune(analog, loader, ["re:2.*"], epochs=MEMORY_EPOCHS, optimizer=lambda p: torch.optim.Adam(p, lr=1e-3))
    return {"seconds": time.process_time() - start, "accuracy": accuracy(analog, test)}


@cache
def _mnist(folder: Path) -> tuple[Split, Split]:
    with np.load(folder / "mnist.npz") as file:
        train, test = (
            Split(
                torch.from_numpy(file[f"x_{name}"]).float().flatten(1) / 255, torch.from_numpy(file[f"y_{name}"]).long()
            )
            for name in ("train", "test")
        )
    return train.first(MEMORY_IMAGES), test


PARTS: Mapping[str, tuple[Callable[..., dict[str, Any]], tuple[str, ...], int]] = {
    "stuck": (measure_stuck, ("one cell", "2 x 4 bits", "one-bit cells"), 3),
    "flips": (measure_search, tuple(ENCODINGS), 1),
    "random flips": (measure_random, tuple(ENCODINGS), SEEDS),
    "self_test": (measure_self_test, tuple(SELF_TESTS), 3),
    "memory": (measure_memory, ("mask of pairs", "read-out of a reservoir"), 1),
}
"""What is measured, its rows, and how many seeds."""


def tables(results: ResultLines) -> str:
    """Return the tables as Markdown."""
    lines = [
        "| flips, ResNet-20 8 bits | as programmed [%] | flips until below 15 % | 100 random flips: lost [points] "
        "| largest change of a weight by one flip | rms |",
        "|---|---|---|---|---|---|",
    ]
    for name in ENCODINGS:
        for line in results.find(part="flips", row=name):
            lost = [100 * (found["before"] - found["after"]) for found in results.find(part="random flips", row=name)]
            broken = len(line["accuracy"]) if line["stopped"] == "until" else f"> {len(line['accuracy'])}"
            lines.append(
                f"| {name} | {100 * line['before']:.1f} | {broken} | {_spread(lost)} | {line['largest']:.2f} "
                f"| {line['rms']:.3f} |"
            )
    lines += ["", "| stuck 1.75 + 9.04 % | digital [%] | as programmed [%] | corrected [%] | multiplications [%] |"]
    lines += ["|---|---|---|---|---|"]
    for name in PARTS["stuck"][1]:
        if found := results.find(part="stuck", row=name):
            columns = [_spread([100 * line[key] for line in found]) for key in ("digital", "before", "after")]
            extra = _spread([100 * line["multiplications"] / line["weights"] for line in found])
            lines.append(f"| {name} | {' | '.join(columns)} | {extra} |")
    lines += [
        "",
        "| self-test of ResNet-20 | flips found (arrays with flips) | false alarms per 1000 tests "
        "| reads of an array | bit lines | flips left after repair |",
    ]
    lines += ["|---|---|---|---|---|---|"]
    for name in SELF_TESTS:
        if found := results.find(part="self_test", row=name):
            keys = ("hit", "hit_arrays", "found", "false", "tests", "left")
            total = {key: sum(line[key] for line in found) for key in keys}
            rate = f"{1000 * total['false'] / total['tests']:.2f} ({total['false']} of {total['tests']})"
            lines.append(
                f"| {name} | {total['found']} of {total['hit']} ({total['hit_arrays']}) | {rate} "
                f"| {found[0]['reads']:.0f} | +{100 * found[0]['share']:.1f} % | {total['left']} |"
            )
    lines += ["", "| random memory, 784-512-10, MNIST | accuracy [%] | CPU s |", "|---|---|---|"]
    for name in PARTS["memory"][1]:
        for line in results.find(part="memory", row=name):
            lines.append(f"| {name} | {100 * line['accuracy']:.2f} | {line['seconds']:.0f} |")
    return "\n".join(lines)


def _spread(values: list[float]) -> str:
    if not values:
        return "-"
    text = f"{np.mean(values):.1f}"
    return text if len(values) == 1 else f"{text} ± {np.std(values, ddof=1):.1f}"


def run(results: ResultLines, folder: Path, parts: list[str], only: list[str], most: int) -> None:
    """Measure what is missing."""
    for part in parts:
        measure, rows, seeds = PARTS[part]
        for row in [row for row in rows if not only or row in only]:
            for seed in range(min(seeds, most)):
                if not results.find(part=part, row=row, seed=seed):
                    results.add(part=part, row=row, seed=seed, **measure(row, seed, folder, results.path))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the images and the trained weights")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/faults.jsonl"))
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), help="only these parts")
    parser.add_argument("--rows", nargs="*", default=[], help="only these rows")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds at the most")
    parser.add_argument("--table", action="store_true", help="print the tables of what there is")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = ResultLines(arguments.out)
    if not arguments.table:
        run(results, arguments.data, arguments.parts or list(PARTS), arguments.rows, arguments.seeds)
    print(tables(results))


if __name__ == "__main__":
    main()
