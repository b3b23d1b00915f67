"""Networks trained for their arrays: accuracy and CPU seconds, beside targets and published figures.

    python -m benchmarks.training --data FOLDER                 # run what is missing, then print the tables
    python -m benchmarks.training --data FOLDER --parts lenet   # only some parts
    python -m benchmarks.training --data FOLDER --table         # print what there is

Every result is one line of a JSON-lines file, written when it is known: an interrupted study goes on where it stopped.
Seconds are CPU seconds of one thread. Seeds are 0 unless a row says otherwise.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import crossbar as xb
import devices
from benchmarks.compensation import Results
from calibration import adapt_batchnorm, compensate_drift, expand_residually, inject_output_shifts, prune_groups
from crossbar.examples import ResNet20, Split, accuracy, load_cifar10, load_resnet20
from mapping import TruncatedGaussianQuantizer

MNIST_EVERY = 5
"""LeNet-5, whose every tile is converted, is measured on every fifth test image: 2000."""
BATCH = 128

NIA_DEVICE = devices.Device(g_min=0.333e-6, g_max=333e-6, name="NIA window")
NIA_WIRES = xb.Wires(row=28.0, column=28.0, driver=4.0, sense=4.0)
"""Defaults of the authors' code (github.com/elliothe/pytorx): gwire 0.0357 S, gload 0.25 S. The paper has no wires."""
MLP_DEVICE = devices.Device(g_min=1 / 40e3, g_max=1 / 1e3, name="1-40 kohm")
MLP_WIRES = xb.Wires(row=2.0, column=2.0)
"""CrossSim's iteration under autograd (alambertini01): 2 ohm a segment, cells of 1 to 40 kohm."""


@cache
def mnist(folder: Path) -> tuple[Split, Split]:
    """Return all training and test images, (images, 1, 28, 28)."""
    with np.load(folder / "mnist.npz") as file:
        parts = [
            Split(
                torch.from_numpy(file[f"x_{name}"]).float()[:, None] / 255, torch.from_numpy(file[f"y_{name}"]).long()
            )
            for name in ("train", "test")
        ]
    return parts[0], parts[1]


def lenet() -> nn.Sequential:
    """Return the network of pytorch/examples of 2019, which NIA names: 20 and 50 channels, 800-500-10."""
    return nn.Sequential(
        nn.Conv2d(1, 20, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(800, 500),
        nn.ReLU(),
        nn.Linear(500, 10),
    )


def mlp() -> nn.Sequential:
    """Return 784-100-10."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))


def endless(data: Split, generator: torch.Generator, batch: int = BATCH) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield random batches for ever."""
    while True:
        for chosen in torch.split(torch.randperm(len(data.labels), generator=generator), batch):
            yield data.images[chosen], data.labels[chosen]


def train(
    model: nn.Module,
    data: Split,
    *,
    steps: int,
    rate: float,
    batch: int = BATCH,
    after_step: Callable[[], object] | None = None,
    augment: Callable[[torch.Tensor], torch.Tensor] | None = None,
    penalty: Callable[[], torch.Tensor] | None = None,
) -> float:
    """Train in `train()` mode with Adam and a cosine schedule, and return the CPU seconds."""
    torch.manual_seed(0)
    start = time.process_time()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    batches = endless(data, torch.Generator().manual_seed(0), batch)
    model.train()
    for _, (images, labels) in zip(range(steps), batches, strict=False):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images if augment is None else augment(images)), labels)
        (loss if penalty is None else loss + penalty()).backward()
        optimizer.step()
        schedule.step()
        if after_step is not None:
            after_step()
    model.eval()
    return time.process_time() - start


@cache
def software(kind: str, folder: Path) -> nn.Sequential:
    """Return a network trained in software."""
    torch.manual_seed(0)
    model = lenet() if kind == "lenet" else mlp()
    train(model, mnist(folder)[0], steps=1400 if kind == "lenet" else 4000, rate=2e-3)
    return model


def programmed_accuracy(model: nn.Module, test: Split) -> float:
    """Program a chip and return its accuracy."""
    xb.program_analog_weights(model, seed=0)
    return accuracy(model, test, batch=100)


def wires_part(
    results: Results, folder: Path, *, name: str, kind: str, config: xb.CrossbarConfig, steps: int, rate: float
) -> None:
    """Measure a network as programmed, after noise injection, and trained through the wires."""
    data, test = mnist(folder)
    if kind == "lenet":
        test = Split(test.images[::MNIST_EVERY], test.labels[::MNIST_EVERY])
    digital = accuracy(software(kind, folder), test)

    def record(row: str, model: nn.Module, seconds: float, **more: float) -> None:
        figure = programmed_accuracy(model, test)
        arrays = sum(layer.array.placement.tiles for layer in xb.analog_layers(model))
        results.add(row=row, chip=0, accuracy=figure, digital=digital, seconds=seconds, arrays=arrays, **more)

    if not results.find(f"{name}, as programmed"):
        record(f"{name}, as programmed", xb.convert_to_analog(software(kind, folder), config), 0.0)
    if not results.find(f"{name}, trained through the wires"):
        exact = replace(config, training=xb.TrainingEffects(wires=True))
        model = xb.convert_to_analog(software(kind, folder), exact)
        seconds = train(model, data, steps=steps, rate=rate)
        record(f"{name}, trained through the wires", model, seconds, steps=steps)
    if not results.find(f"{name}, noise injection"):
        model = xb.convert_to_analog(software(kind, folder), config)
        seconds = 0.0
        for _ in range(2):
            xb.program_analog_weights(model, seed=0)
            start = time.process_time()
            inject_output_shifts(model, [data.images[:200]])
            seconds += time.process_time() - start + train(model, data, steps=400, rate=1e-3)
        record(f"{name}, noise injection", model, seconds, steps=800)


def run_lenet(results: Results, folder: Path) -> None:
    """LeNet-5 on 64x64 arrays: NIA's table."""
    config = xb.CrossbarConfig(
        device=NIA_DEVICE,
        wires=NIA_WIRES,
        mapping=xb.MappingConfig(rows=64, cols=64, cell_bits=7),
        adc=xb.ADC(bits=8, range="column"),
    )
    wires_part(results, folder, name="LeNet-5 64x64", kind="lenet", config=config, steps=60, rate=1e-3)


def run_mlp(results: Results, folder: Path) -> None:
    """784-100-10 in one array and in arrays of 128 rows."""
    for name, rows in (("784-100-10, 128 rows", 128), ("784-100-10, untiled", 784)):
        config = xb.CrossbarConfig(
            device=MLP_DEVICE, wires=MLP_WIRES, mapping=xb.MappingConfig(rows=rows, cols=128, cell_bits=7)
        )
        wires_part(results, folder, name=name, kind="mlp", config=config, steps=150, rate=2e-3)


def flipped(images: torch.Tensor) -> torch.Tensor:
    """Return images, each mirrored with probability 1/2 and all shifted by up to four pixels."""
    mirror = torch.rand(len(images)) < 0.5
    images = torch.where(mirror[:, None, None, None], images.flip(3), images)
    down, right = torch.randint(-4, 5, (2,)).tolist()
    return torch.roll(images, (down, right), (2, 3))


@cache
def noise_trained(folder: Path, steps: int) -> tuple[ResNet20, float]:
    """Return ResNet-20 trained with noise of 3.8 % of the largest weight, as Joshi et al., and its CPU seconds."""
    effects = xb.TrainingEffects(
        programming=False, read_noise=False, noise=xb.ChannelNoise(ratio=0.038, clean_gradient=False)
    )
    model = xb.convert_to_analog(load_resnet20(folder), xb.CrossbarConfig(training=effects), overrides={"fc": None})
    data = load_cifar10(folder, train=20000, test=1)[0]
    seconds = train(model, data, steps=steps, rate=3e-4, batch=64, augment=flipped)
    return xb.convert_to_digital(model), seconds


SILICON = {
    "PCM Joshi 2020": devices.PCM_JOSHI_2020,
    "PCM Hermes, two devices": devices.PCM_HERMES_TWO_DEVICES,
    "RRAM Wan 2022": devices.RRAM_WAN_2022,
}
TIMES = {"as programmed": 25.0, "1 hour": 3600.0, "1 day": 86400.0}


def run_silicon(results: Results, folder: Path) -> None:
    """ResNet-20 on devices that were measured: as programmed, after an hour and a day, beside the chips."""
    chosen, test = load_cifar10(folder, train=SILICON_IMAGES, test=SILICON_IMAGES)
    batches = list(chosen.batches(50))
    work = [(name, steps, when) for name in SILICON for steps in (0, NOISE_STEPS) for when in TIMES]
    for name, steps, when in work:
        row = f"{name}, {'noise-trained' if steps else 'as in software'}, {when}"
        if results.find(row):
            continue
        model, seconds = noise_trained(folder, steps) if steps else (load_resnet20(folder), 0.0)
        config = xb.CrossbarConfig(device=SILICON[name], mapping=xb.MappingConfig(rows=256, cols=256, cell_bits=7))
        analog = xb.convert_to_analog(model, config, overrides={"fc": None}).eval()
        xb.program_analog_weights(analog, seed=0)
        xb.drift_analog_weights(analog, TIMES[when])
        figures = {"as it is": accuracy(analog, test)}
        compensate_drift(analog)
        figures["drift factor"] = accuracy(analog, test)
        adapt_batchnorm(analog, batches)
        figures["new statistics"] = accuracy(analog, test)
        results.add(row=row, chip=0, digital=_software_accuracy(folder, steps), seconds=seconds, steps=steps, **figures)


@cache
def _software_accuracy(folder: Path, steps: int) -> float:
    """Return the accuracy of ResNet-20 in software, on the images of the silicon rows."""
    model = noise_trained(folder, steps)[0] if steps else load_resnet20(folder)
    return accuracy(model.eval(), load_cifar10(folder, train=1, test=SILICON_IMAGES)[1])


ONE_BIT = xb.MappingConfig(weight_bits=2, cell_bits=1, rows=128, cols=128, quantizer=TruncatedGaussianQuantizer())
EIGHT_BITS = xb.CrossbarConfig(mapping=xb.MappingConfig(rows=128, cols=128, cell_bits=1))


def run_ternary(results: Results, folder: Path) -> None:
    """ResNet-20 with ternary weights on one-bit cells; the first layer has eight bits, the classifier is digital."""
    data, test = load_cifar10(folder, train=20000, test=1000)
    config = xb.CrossbarConfig(mapping=ONE_BIT, inputs=xb.InputConfig(bits=8, dac_bits=1))
    keep = {"conv1": replace(EIGHT_BITS, inputs=config.inputs), "fc": None}
    for name, branches, steps in (
        ("ternary, as rounded", 1, 0),
        ("ternary, trained", 1, TERNARY_STEPS),
        ("two branches, trained", 2, TERNARY_STEPS // 2),
    ):
        if results.find(name):
            continue
        digital = load_resnet20(folder)
        reference = accuracy(digital, test)
        expanded = digital
        if branches > 1:
            expanded = expand_residually(digital, ONE_BIT.quantizer, branches=branches, keep=["conv1", "fc"])
        model = xb.convert_to_analog(expanded, config, overrides=keep)
        seconds = train(model, data, steps=steps, rate=1e-3, batch=64, augment=flipped) if steps else 0.0
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
    "weights, squeezed out": ("weights", 0.5, {"squeezed_planes": 3, "row_order": "sorted"}),
    "rows": ("rows", 0.5, {"release_empty": True, "row_order": "sorted"}),
    "columns": ("columns", 0.5, {"merge_columns": True}),
    "tiles": ("tiles", 0.5, {"release_empty": True}),
}


def run_pruning(results: Results, folder: Path) -> None:
    """ResNet-20 with half of its weights pruned in five ways: arrays, accuracy, and accuracy under read noise."""
    data, test = load_cifar10(folder, train=20000, test=1000)
    for name, (groups, share, fields) in PRUNED.items():
        if results.find(f"pruned, {name}"):
            continue
        # A tile of 32 x 32 so that a network this small has tiles to lose.
        fields = {"rows": 32, "cols": 32, "weight_bits": 8, "cell_bits": 1, **fields}
        config = xb.CrossbarConfig(mapping=xb.MappingConfig(**fields))
        model = xb.convert_to_analog(load_resnet20(folder), config, overrides={"fc": None})
        again = prune_groups(model, groups, share=share)
        seconds = train(model, data, steps=PRUNING_STEPS, rate=5e-4, batch=64, augment=flipped, after_step=again)
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
NOISE_STEPS, TERNARY_STEPS, PRUNING_STEPS = 40, 300, 40
"""Batches of 64 images, as many as a few CPU minutes hold."""
SILICON_IMAGES = 500
"""First test images of the silicon rows; as many training images measure the statistics."""


PARTS: dict[str, Callable[[Results, Path], None]] = {
    "mlp": run_mlp,
    "lenet": run_lenet,
    "silicon": run_silicon,
    "ternary": run_ternary,
    "pruning": run_pruning,
}


PUBLISHED = {
    "LeNet-5 64x64, as programmed": "32 (NIA, DAC 2019; software 99.1)",
    "LeNet-5 64x64, noise injection": "98.3",
    "LeNet-5 64x64, trained through the wires": "not feasible: 64 GB, days on four GPUs",
    "784-100-10, 128 rows, trained through the wires": "90.5 in 13 052 s (CrossSim's iteration)",
    "784-100-10, untiled, trained through the wires": "82.9 in 12 717 s",
    "PCM Joshi 2020, noise-trained, as programmed": "93.7 (the chip, ResNet-32; Joshi et al. 2020)",
    "PCM Joshi 2020, noise-trained, 1 day": "above 93.5 with new statistics",
}
"""Accuracies that others print for a row [%]."""
_SHARES = ("digital", "accuracy", "noisy", "as it is", "drift factor", "new statistics")


def table(results: Results) -> str:
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
    results = Results(arguments.out)
    for part in [] if arguments.table else arguments.parts or list(PARTS):
        PARTS[part](results, arguments.data)
    print(table(results))


if __name__ == "__main__":
    main()
