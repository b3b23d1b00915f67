"""LeNet-5 and 784-100-10 behind wires, and trained through them: a part of `benchmarks.training`."""

import copy
import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

import crossbar as xb
import devices
from benchmarks.result_lines import ResultLines
from benchmarks.training_loop import train
from calibration import inject_output_shifts, match_output_gains
from crossbar.examples import Split, accuracy

MNIST_EVERY = 5
"""LeNet-5, whose every tile is converted, is measured on every fifth test image: 2000."""
NIA_STEPS = 100

NIA_DEVICE = devices.Device(g_min=0.333e-6, g_max=333e-6, name="NIA window")
NIA_WIRES = xb.Wires(row=28.0, column=28.0, driver=4.0, sense=4.0)
"""Defaults of the authors' code (github.com/elliothe/pytorx, benchmark/mnist.py): gwire 0.0357 S, gload 0.25 S."""
NIA_FAR = replace(NIA_WIRES, sense=4.0 + 39 * 28.0)
"""That code fills a 64x64 array from the far end of its bit lines: 39 unused word lines lie between the 25 of LeNet-5's
first layer and the converters. The few unused ones in the last arrays of other layers are left out here."""
MLP_DEVICE = devices.Device(g_min=1 / 40e3, g_max=1 / 1e3, name="1-40 kohm")
MLP_WIRES = xb.Wires(row=2.0, column=2.0)
"""CrossSim's iteration under autograd (alambertini01): 2 ohm a segment, cells of 1 to 40 kohm."""


@cache
def mnist(folder: Path, kind: str) -> tuple[Split, Split]:
    """Return training and test images, (images, 1, 28, 28); for LeNet-5 normalised, as in pytorch/examples."""
    mean, deviation, every = (0.1307, 0.3081, MNIST_EVERY) if kind == "lenet" else (0.0, 1.0, 1)
    with np.load(folder / "mnist.npz") as file:
        train, test = (
            Split(
                (torch.from_numpy(file[f"x_{name}"]).float()[:, None] / 255 - mean) / deviation,
                torch.from_numpy(file[f"y_{name}"]).long(),
            )
            for name in ("train", "test")
        )
    return train, Split(test.images[::every], test.labels[::every])


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


def programmed_accuracy(model: nn.Module, test: Split) -> float:
    """Program a chip and return its accuracy."""
    xb.program_analog_weights(model, seed=0)
    return accuracy(model, test, batch=100)


@cache
def software(kind: str, folder: Path, out: Path) -> nn.Sequential:
    """Return a network trained in software: LeNet-5 as in pytorch/examples (SGD), for three epochs."""
    path = out.with_name(f"training_{kind}.pt")
    torch.manual_seed(0)
    model = lenet() if kind == "lenet" else mlp()
    if path.is_file():
        model.load_state_dict(torch.load(path, weights_only=True))
        return model.eval()
    if kind == "lenet":
        train(model, mnist(folder, kind)[0], steps=3 * 938, rate=0.01, momentum=0.5, batch=64)
    else:
        train(model, mnist(folder, kind)[0], steps=4000, rate=2e-3)
    torch.save(model.state_dict(), path)
    return model


@dataclass(frozen=True, kw_only=True)
class Wired:
    """A network behind wires, and how it is trained through them."""

    kind: str
    config: xb.CrossbarConfig
    first: xb.CrossbarConfig | None = None
    """Technology of the first layer, where it differs."""
    steps: int
    rate: float
    batch: int

    def chip(self, model: nn.Module, effects: xb.TrainingEffects | None = None) -> nn.Module:
        """Return an analog model of a network of its own weights."""
        effects = effects or xb.TrainingEffects()
        parts = {} if self.first is None else {"0": replace(self.first, training=effects)}
        return xb.convert_to_analog(copy.deepcopy(model), replace(self.config, training=effects), overrides=parts)


def record(
    results: ResultLines, row: str, chip: nn.Module, wired: Wired, folder: Path, *, seconds: float, steps: int
) -> None:
    """Program the chip of a trained model and keep its accuracy."""
    test = mnist(folder, wired.kind)[1]
    results.add(
        row=row,
        chip=0,
        accuracy=programmed_accuracy(chip, test),
        digital=accuracy(software(wired.kind, folder, results.path), test),
        seconds=seconds,
        steps=steps,
        images=len(test.labels),
        arrays=sum(layer.array.placement.tiles for layer in xb.analog_layers(chip)),
    )


def matched(
    results: ResultLines, wired: Wired, folder: Path, effects: xb.TrainingEffects | None = None
) -> tuple[nn.Module, float]:
    """Return a chip of the network trained in software whose gains are matched, and the CPU seconds."""
    chip = wired.chip(software(wired.kind, folder, results.path), effects)
    xb.program_analog_weights(chip, seed=0)
    start = time.process_time()
    match_output_gains(chip, [mnist(folder, wired.kind)[0].images[:200]])
    return chip, time.process_time() - start


def through_wires(results: ResultLines, folder: Path, name: str, wired: Wired) -> None:
    """Measure a network as programmed, with matched gains, and trained through the wires."""
    if not results.find(row=f"{name}, as programmed"):
        chip = wired.chip(software(wired.kind, folder, results.path))
        record(results, f"{name}, as programmed", chip, wired, folder, seconds=0.0, steps=0)
    if not results.find(row=f"{name}, gains matched"):
        chip, seconds = matched(results, wired, folder)
        record(results, f"{name}, gains matched", chip, wired, folder, seconds=seconds, steps=0)
    row = f"{name}, trained through the wires"
    if not results.find(row=row):
        chip, seconds = matched(results, wired, folder, xb.TrainingEffects(wires=True))
        data = mnist(folder, wired.kind)[0]
        seconds += train(chip, data, steps=wired.steps, rate=wired.rate, batch=wired.batch)
        record(results, row, chip, wired, folder, seconds=seconds, steps=wired.steps)


def beside(results: ResultLines, folder: Path, name: str, wired: Wired) -> None:
    """Measure what stands beside it: noise injection, and as many more steps in software."""
    data, test = mnist(folder, wired.kind)
    if not results.find(row=f"{name}, noise injection"):
        chip, seconds = matched(results, wired, folder)
        for _ in range(2):
            xb.program_analog_weights(chip, seed=0)
            start = time.process_time()
            inject_output_shifts(chip, [data.images[:200]])
            seconds += time.process_time() - start + train(chip, data, steps=NIA_STEPS, rate=wired.rate)
        row = f"{name}, noise injection"
        record(results, row, chip, wired, folder, seconds=seconds, steps=2 * NIA_STEPS)
    if not results.find(row=f"{wired.kind}, software trained on"):
        further = copy.deepcopy(software(wired.kind, folder, results.path))
        seconds = train(further, data, steps=wired.steps, rate=wired.rate, batch=wired.batch)
        results.add(
            row=f"{wired.kind}, software trained on",
            chip=0,
            digital=accuracy(further, test),
            seconds=seconds,
            steps=wired.steps,
            images=len(test.labels),
        )


def mlp_config(rows: int) -> xb.CrossbarConfig:
    """Return arrays of so many rows without converters."""
    mapping = xb.MappingConfig(rows=rows, cols=128, cell_bits=7)
    return xb.CrossbarConfig(device=MLP_DEVICE, wires=MLP_WIRES, mapping=mapping)


LENET = xb.CrossbarConfig(
    device=NIA_DEVICE,
    wires=NIA_WIRES,
    mapping=xb.MappingConfig(rows=64, cols=64, cell_bits=7),
    adc=xb.ADC(bits=8, range="column"),
)
LENET_WIRED = Wired(kind="lenet", config=LENET, steps=80, rate=8e-4, batch=256)


FAR = replace(LENET_WIRED, first=replace(LENET, wires=NIA_FAR))
WIRED = {
    "LeNet-5 64x64, first layer far from its converters": FAR,
    "LeNet-5 64x64": LENET_WIRED,
    "784-100-10, 128 rows": Wired(kind="mlp", config=mlp_config(128), steps=300, rate=1e-3, batch=1000),
    "784-100-10, untiled": Wired(kind="mlp", config=mlp_config(784), steps=60, rate=1e-3, batch=1000),
}


def run_mnist(kind: str, results: ResultLines, folder: Path) -> None:
    """Measure LeNet-5 or 784-100-10 behind wires."""
    for name, wired in WIRED.items():
        if wired.kind == kind:
            through_wires(results, folder, name, wired)


def run_beside(results: ResultLines, folder: Path) -> None:
    """Measure what stands beside the first network of each kind."""
    for name in ("LeNet-5 64x64, first layer far from its converters", "784-100-10, 128 rows"):
        beside(results, folder, name, WIRED[name])
