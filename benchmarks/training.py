"""Networks trained for their arrays: accuracy and CPU seconds, beside targets and published figures.

    python -m benchmarks.training --data FOLDER                 # run what is missing, then print the tables
    python -m benchmarks.training --data FOLDER --parts lenet   # only some parts
    python -m benchmarks.training --data FOLDER --table         # print what there is

Every result is one line of a JSON-lines file, written when it is known: an interrupted study goes on where it stopped.
Seconds are CPU seconds of one thread. Seeds are 0 unless a row says otherwise.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import torch

import crossbar as xb
import devices
from benchmarks.result_lines import ResultLines
from benchmarks.through_wires import mnist, run_beside, run_mnist, software
from benchmarks.training_loop import train
from calibration import (
    adapt_batchnorm,
    clip_weights,
    compensate_drift,
    expand_residually,
    prune_groups,
)
from crossbar.examples import ResNet20, accuracy, load_cifar10, load_resnet20
from mapping import TruncatedGaussianQuantizer


def flipped(images: torch.Tensor) -> torch.Tensor:
    """Return images, each mirrored with probability 1/2 and all shifted by up to four pixels."""
    mirror = torch.rand(len(images)) < 0.5
    images = torch.where(mirror[:, None, None, None], images.flip(3), images)
    down, right = torch.randint(-4, 5, (2,)).tolist()
    return torch.roll(images, (down, right), (2, 3))


@cache
def noise_trained(folder: Path, steps: int) -> tuple[ResNet20, float]:
    """Return ResNet-20 trained with noise of 3.8 % of the largest weight, clipped, as Joshi et al., and its CPU seconds."""
    effects = xb.TrainingEffects(
        programming=False, read_noise=False, noise=xb.ChannelNoise(ratio=0.038, clean_gradient=False)
    )
    model = xb.convert_to_analog(load_resnet20(folder), xb.CrossbarConfig(training=effects), overrides={"fc": None})
    data = load_cifar10(folder, train=20000, test=1)[0]
    clip = partial(clip_weights, model, deviations=2.5)
    clip()
    seconds = train(model, data, steps=steps, rate=5e-4, batch=64, augment=flipped, after_step=clip)
    return xb.convert_to_digital(model), seconds


SILICON = {
    "PCM Joshi 2020": devices.PCM_JOSHI_2020,
    "PCM Hermes, two devices": devices.PCM_HERMES_TWO_DEVICES,
    "RRAM Wan 2022": devices.RRAM_WAN_2022,
}
TIMES = {"as programmed": 25.0, "1 hour": 3600.0, "1 day": 86400.0}


def run_silicon(results: ResultLines, folder: Path) -> None:
    """ResNet-20 on devices that were measured: as programmed, after an hour and a day, beside the chips."""
    chosen, test = load_cifar10(folder, train=SILICON_IMAGES, test=SILICON_IMAGES)
    batches = list(chosen.batches(50))
    work = [(name, NOISE_STEPS, when) for name in SILICON for when in TIMES if "Joshi" in name or when != "1 hour"]
    for name, steps, when in work + [("PCM Joshi 2020", 0, when) for when in TIMES]:
        row = f"{name}, {'noise-trained' if steps else 'as in software'}, {when}"
        if results.find(row=row):
            continue
        model, seconds = noise_trained(folder, steps) if steps else (load_resnet20(folder), 0.0)
        mapping = xb.MappingConfig(rows=256, cols=256, cell_bits=7, granularity="output")
        config = xb.CrossbarConfig(device=SILICON[name], mapping=mapping)
        analog = xb.convert_to_analog(model, config, overrides={"fc": None}).eval()
        xb.program_analog_weights(analog, seed=0)
        xb.drift_analog_weights(analog, TIMES[when], seed=0)
        compensate_drift(analog)
        figures = {"drift factor": accuracy(analog, test)}
        adapt_batchnorm(analog, batches)
        figures["new statistics"] = accuracy(analog, test)
        results.add(row=row, chip=0, digital=_software_accuracy(folder, steps), seconds=seconds, steps=steps, **figures)


def run_silicon_mnist(results: ResultLines, folder: Path) -> None:
    """LeNet-5 on the same devices, not trained for them, with one factor a layer for the drift."""
    test = mnist(folder, "lenet")[1]
    model = software("lenet", folder, results.path)
    for name, when in [(name, when) for name in SILICON for when in TIMES]:
        row = f"{name}, LeNet-5, {when}"
        if results.find(row=row):
            continue
        config = xb.CrossbarConfig(device=SILICON[name], mapping=xb.MappingConfig(rows=256, cols=256, cell_bits=7))
        analog = xb.convert_to_analog(model, config).eval()
        figures = []
        for seed in range(3):
            xb.program_analog_weights(analog, seed=seed)
            xb.drift_analog_weights(analog, TIMES[when], seed=seed)
            compensate_drift(analog)
            figures.append(accuracy(analog, test))
        mean = sum(figures) / len(figures)
        results.add(
            row=row, chip=0, chips=3, digital=accuracy(model, test), images=len(test.labels), **{"drift factor": mean}
        )


@cache
def _software_accuracy(folder: Path, steps: int) -> float:
    """Return the accuracy of ResNet-20 in software, on the images of the silicon rows."""
    model = noise_trained(folder, steps)[0] if steps else load_resnet20(folder)
    return accuracy(model.eval(), load_cifar10(folder, train=1, test=SILICON_IMAGES)[1])


ONE_BIT = xb.MappingConfig(
    weight_bits=2, cell_bits=1, rows=128, cols=128, quantizer=TruncatedGaussianQuantizer(granularity="output")
)
EIGHT_BITS = xb.CrossbarConfig(mapping=xb.MappingConfig(rows=128, cols=128, cell_bits=1))


def run_ternary(branched: bool, results: ResultLines, folder: Path) -> None:
    """ResNet-20 with ternary weights on one-bit cells; the first layer has eight bits, the classifier is digital."""
    data, test = load_cifar10(folder, train=20000, test=1000)
    config = xb.CrossbarConfig(mapping=ONE_BIT, inputs=xb.InputConfig(bits=8, dac_bits=1))
    keep = {"conv1": replace(EIGHT_BITS, inputs=config.inputs), "fc": None}
    rows = [("ternary, as rounded", 1, 0), ("ternary, trained", 1, TERNARY_STEPS)]
    if branched:
        rows = [("two branches, as rounded", 2, 0), ("two branches, trained", 2, TERNARY_STEPS)]
    for name, branches, steps in rows:
        if results.find(row=name):
            continue
        digital = load_resnet20(folder)
        reference = accuracy(digital, test)
        expanded = digital
        if branches > 1:
            expanded = expand_residually(digital, ONE_BIT.quantizer, branches=branches, keep=["conv1", "fc"])
        model = xb.convert_to_analog(expanded, config, overrides=keep)
        seconds = 0.0
        if steps:
            seconds = train(
                model, data, steps=steps, rate=1e-3, batch=64, augment=flipped, teacher=load_resnet20(folder)
            )
        xb.program_analog_weights(model, seed=0)
        adapt_batchnorm(model, list(data.first(1000).batches(50)))
        arrays = {layer: one.array.placement.tiles for layer, one in xb.named_analog_layers(model)}
        bits = xb.adc_bits_report(model).drop_sel(layer="conv1")
        results.add(
            row=name, chip=0, accuracy=accuracy(model, test), digital=reference, seconds=seconds, steps=steps,
            arrays=sum(arrays.values()), adc_bits=int(bits.bits.max()), adc_bits_worst_case=int(bits.worst_case.max()),
        )  # fmt: skip


PRUNED = {
    "dense": ("weights", 0.0, {}),
    "weights": ("weights", 0.5, {"release_empty": True}),
    "rows": ("rows", 0.5, {"release_empty": True, "row_order": "sorted"}),
    "columns": ("columns", 0.5, {"merge_columns": True}),
    "tiles": ("tiles", 0.5, {"release_empty": True}),
    "weights, squeezed out": ("weights", 0.5, {"squeezed_planes": 3, "row_order": "sorted"}),
}


def run_pruning(results: ResultLines, folder: Path) -> None:
    """ResNet-20 with half of its weights pruned in five ways: arrays, accuracy, and accuracy under read noise."""
    data, test = load_cifar10(folder, train=20000, test=500)
    for name, (groups, share, fields) in PRUNED.items():
        if results.find(row=f"pruned, {name}"):
            continue
        # A tile of 32 x 32 so that a network this small has tiles to lose.
        fields = {"rows": 32, "cols": 32, "weight_bits": 8, "cell_bits": 1, **fields}
        config = xb.CrossbarConfig(mapping=xb.MappingConfig(**fields))
        model = xb.convert_to_analog(load_resnet20(folder), config, overrides={"fc": None})
        again = prune_groups(model, groups, share=share)
        taught = {"augment": flipped, "after_step": again, "teacher": load_resnet20(folder)}
        seconds = train(model, data, steps=PRUNING_STEPS, rate=2e-3, batch=64, **taught)
        figures = {}
        for label, device in (("accuracy", devices.Ideal), ("noisy", NOISY)):
            chip = xb.convert_to_analog(
                xb.convert_to_digital(model), replace(config, device=device), overrides={"fc": None}
            )
            xb.program_analog_weights(chip, seed=0)
            figures[label] = accuracy(chip, test)
        arrays = sum(layer.array.placement.tiles for layer in xb.analog_layers(chip))
        results.add(row=f"pruned, {name}", chip=0, seconds=seconds, steps=PRUNING_STEPS, arrays=arrays, **figures)


NOISY = replace(devices.RRAM, levels=None, drift=None)
NOISE_STEPS, TERNARY_STEPS, PRUNING_STEPS = 100, 240, 100
"""Batches of 64 images, as many as a few CPU minutes hold."""
SILICON_IMAGES = 500
"""First test images of the silicon rows; as many training images measure the statistics."""


PARTS: dict[str, Callable[[ResultLines, Path], None]] = {
    "lenet": partial(run_mnist, "lenet"),
    "mlp": partial(run_mnist, "mlp"),
    "beside": run_beside,
    "silicon": run_silicon,
    "silicon mnist": run_silicon_mnist,
    "ternary": partial(run_ternary, False),
    "branches": partial(run_ternary, True),
    "pruning": run_pruning,
}


PUBLISHED = {
    "LeNet-5 64x64, first layer far from its converters, as programmed": "32 (NIA, DAC 2019; software 99.1)",
    "LeNet-5 64x64, first layer far from its converters, noise injection": "98.3",
    "LeNet-5 64x64, first layer far from its converters, trained through the wires": "not feasible: 64 GB, days",
    "784-100-10, 128 rows, trained through the wires": "90.5 in 13 052 s (CrossSim's iteration)",
    "784-100-10, untiled, trained through the wires": "82.9 in 12 717 s",
    "PCM Joshi 2020, noise-trained, as programmed": "93.7 (the chip, ResNet-32; Joshi et al. 2020)",
    "PCM Joshi 2020, noise-trained, 1 day": "above 93.5 with new statistics",
}
"""Accuracies that others print for a row [%]."""
_SHARES = ("digital", "accuracy", "noisy", "drift factor", "new statistics")


def table(results: ResultLines) -> str:
    """Return all results as a Markdown table; accuracies in %, seconds of one thread."""
    columns = (*_SHARES, "arrays", "adc_bits", "adc_bits_worst_case", "steps", "seconds")
    present = [name for name in columns if any(name in line for line in results.lines)]
    lines = [f"| work | {' | '.join(present)} | published |", "|---" * (len(present) + 2) + "|"]
    for line in results.lines:
        cells = [_cell(name, line.get(name)) for name in present]
        lines.append(f"| {line['row']} | {' | '.join(cells)} | {PUBLISHED.get(line['row'], '-')} |")
    return "\n".join(lines)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.1f}" if name in _SHARES else f"{value:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the images and the trained weights")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/training.jsonl"))
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), help="only these parts (default: all)")
    parser.add_argument("--table", action="store_true", help="print the table of what there is")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = ResultLines(arguments.out)
    for part in [] if arguments.table else arguments.parts or list(PARTS):
        PARTS[part](results, arguments.data)
    print(table(results))


if __name__ == "__main__":
    main()
