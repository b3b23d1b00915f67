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
from calibration import inject_output_shifts
from crossbar.examples import Split, accuracy

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


PARTS: dict[str, Callable[[Results, Path], None]] = {"lenet": run_lenet, "mlp": run_mlp}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the images and the trained weights")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/training.jsonl"))
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), help="only these parts (default: all)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = Results(arguments.out)
    for part in arguments.parts or list(PARTS):
        PARTS[part](results, arguments.data)


if __name__ == "__main__":
    main()
