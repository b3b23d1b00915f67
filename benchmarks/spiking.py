"""Spikes on arrays: equality with the quantised network, accuracy and energy over time steps, time per step.

    python -m benchmarks.spiking --data FOLDER              # run what is missing, then print the tables
    python -m benchmarks.spiking --data FOLDER --table      # print what there is
    python -m benchmarks.spiking --data FOLDER --rows "equal, digits" --images 1000

Every result is one line of a JSON-lines file, written when it is known: an interrupted study goes on where it stopped.
FOLDER holds the CIFAR-10 and MNIST images and the trained ResNet-20.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import crossbar as xb
import devices
from benchmarks.timing import ratios
from calibration import adapt_batchnorm
from crossbar.examples import (
    Split,
    accuracy,
    digits_network,
    load_cifar10,
    load_digits,
    load_resnet20,
    train_digits,
)

CHUNK, LEVELS, LIMIT = 50, 15, 200
"""Images at a time, levels of activations, and more time steps than any network here needs."""
WIRES = xb.Wires(row=5.0, column=10.0, driver=1e3, sense=1e3)
RRAM = replace(devices.RRAM, levels=None, drift=None)
"""The device of arXiv 2305.18416 with its read noise, 0.1 of the conductance, fresh at every read."""
MAPPING = xb.MappingConfig(weight_bits=8, cell_bits=7, rows=64, cols=64)
SPIKES = xb.InputConfig(bits=1, negative="bipolar")
IMAGES = xb.InputConfig(bits=8, dac_bits=1)
CODES = xb.InputConfig(bits=4, dac_bits=1)
"""What the quantised network drives: four bits, one after the other."""
EXACT = xb.InputConfig(bits=None)
CONVERTER = xb.ADC(bits=8, range="column", subtraction="analog")


class RowReader(nn.Module):
    """A GRU over the rows of an image and a linear layer on its last state."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.gru = nn.GRU(28, width, batch_first=True)
        self.last = nn.Linear(width, 10)

    def forward(self, x):
        """Return class scores of images (batch, 28, 28)."""
        return self.last(self.gru(x)[0][:, -1])


def load_mnist(folder: Path) -> tuple[Split, Split]:
    """Return MNIST as sequences of 28 rows of 28 pixels in [0, 1]."""
    with np.load(folder / "mnist.npz") as file:
        parts = [(file[f"x_{name}"], file[f"y_{name}"]) for name in ("train", "test")]
    train, test = (Split(torch.from_numpy(x).float() / 255, torch.from_numpy(y).long().flatten()) for x, y in parts)
    return train, test


def train_rows(model: nn.Module, data: Split, *, epochs: int, rate: float = 5e-3) -> None:
    """Train with Adam and cross-entropy in batches of 256; the rate falls to zero by a cosine."""
    generator = torch.Generator().manual_seed(0)
    batches = -(-len(data.labels) // 256)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * batches)
    model.train()
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(len(data.labels), generator=generator), 256):
            optimizer.zero_grad()
            F.cross_entropy(model(data.images[chosen]), data.labels[chosen]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    model.eval()


@cache
def digits() -> tuple[nn.Module, Split, Split]:
    """Return the quantised digits network and its images; for equality all of them are used."""
    torch.manual_seed(0)
    train, test = load_digits()
    model = digits_network()
    train_digits(model, train)
    return xb.quantise_activations(model, [train.images[:500]], levels=LEVELS), train, test


@cache
def resnet20(folder: Path) -> tuple[nn.Module, Split, Split]:
    """Return the quantised ResNet-20 and CIFAR-10."""
    train, test = load_cifar10(folder, train=500, test=1000)
    model = load_resnet20(folder)
    return xb.quantise_activations(model, train.images[:250].split(50), levels=LEVELS), train, test


@cache
def row_reader(folder: Path) -> tuple[nn.Module, Split, Split]:
    """Return the GRU, trained once and kept beside the results, with 32 levels of its state on either side of 0."""
    train, test = load_mnist(folder)
    torch.manual_seed(0)
    model = RowReader()
    kept = Path(__file__).parent / "results" / "spiking_gru.npz"
    if not kept.exists():
        train_rows(model, train, epochs=8)
        np.savez_compressed(kept, **{name: value.numpy() for name, value in model.state_dict().items()})
    with np.load(kept) as file:
        model.load_state_dict({name: torch.from_numpy(file[name]) for name in file})
    return xb.quantise_activations(model.eval(), [train.images[:1000]], levels=32), train, test


def programmed(model: nn.Module, config: xb.CrossbarConfig, overrides: dict[str, Any], *, seed: int = 0) -> nn.Module:
    """Return a model on arrays; the same seed is the same chip, whatever drives it."""
    analog = xb.convert_to_analog(model, config, overrides=overrides)
    xb.program_analog_weights(analog, seed=seed)
    return analog.eval()


@torch.no_grad()
def equal(quantised: nn.Module, first: str, last: str | None, data: Split, start: int) -> dict[str, Any]:
    """Compare the networks on one chunk of images, on ideal arrays without converters, in double precision."""
    config = xb.CrossbarConfig(mapping=MAPPING, inputs=SPIKES)
    images = replace(config, inputs=EXACT)
    digital = {} if last is None else {last: None}
    spiking = programmed(xb.spiking_from_quantised(quantised), config, {first: images, **digital}).double()
    reference = programmed(quantised, images, digital).double()
    x = data.images[start : start + CHUNK].double()
    labels = data.labels[start : start + CHUNK]
    course, wanted = xb.run_over_time(spiking, x, LIMIT), reference(x)
    return {
        "images": len(x),
        "equal": int((course.answer == wanted).flatten(1).all(1).sum()),
        "right": int((wanted.argmax(1) == labels).sum()),
        "steps": len(course.outputs),
        "settled": course.settled,
    }


def noisy(inputs: xb.InputConfig, *, adc: xb.ADC | None = CONVERTER) -> xb.CrossbarConfig:
    """Return RRAM with read noise and wires."""
    return xb.CrossbarConfig(device=RRAM, wires=WIRES, mapping=MAPPING, inputs=inputs, adc=adc)


@cache
def on_rram(name: str, folder: Path) -> tuple[nn.Module, nn.Module, Split]:
    """Return the quantised network on noisy arrays, its batch norms adapted there, and the spiking one on the same chip."""
    quantised, train, test = digits() if name == "digits" else resnet20(folder)
    first, last = ("0", "10") if name == "digits" else ("conv1", "fc")
    chip = programmed(quantised, noisy(CODES), {first: noisy(IMAGES), last: None})
    adapt_batchnorm(chip, train.images[:250].split(50))
    spiking = xb.spiking_from_quantised(xb.convert_to_digital(chip))
    return chip, programmed(spiking, noisy(SPIKES), {first: noisy(IMAGES), last: None}), test


@torch.no_grad()
def curve(name: str, folder: Path, start: int) -> dict[str, Any]:
    """Return right answers after each time step for one chunk of images, and those of the quantised network."""
    torch.manual_seed(start)
    chip, spiking, test = on_rram(name, folder)
    x, labels = test.images[start : start + CHUNK], test.labels[start : start + CHUNK]
    outputs = xb.run_over_time(spiking, x, 48).outputs
    right = [int((output.argmax(1) == labels).sum()) for output in outputs]
    right += [right[-1]] * (48 - len(right))
    return {
        "images": len(x),
        "right": right,
        "quantised, same arrays": int((chip(x).argmax(1) == labels).sum()),
    }


@torch.no_grad()
def events(name: str, folder: Path, steps: int, images: int) -> dict[str, Any]:
    """Count what ideal arrays with converters do in so many steps, and price it."""
    quantised, _, test = digits() if name == "digits" else resnet20(folder)
    first, last = ("0", "10") if name == "digits" else ("conv1", "fc")

    def config(inputs: xb.InputConfig) -> xb.CrossbarConfig:
        mapping = xb.MappingConfig(weight_bits=8, cell_bits=2, rows=128, cols=128)
        return xb.CrossbarConfig(device=RRAM, mapping=mapping, inputs=inputs, adc=xb.ADC(bits=8))

    if steps:
        analog = programmed(xb.spiking_from_quantised(quantised), config(SPIKES), {first: config(IMAGES), last: None})
        model: nn.Module = xb.OverTime(analog, steps=steps)
    else:
        model = programmed(quantised, config(CODES), {first: config(IMAGES), last: None})
    counts = xb.count_events(model, test.images[:images])
    found: dict[str, Any] = {"images": images}
    for event in ("row_cycles", "array_reads", "conversions"):
        found[event] = int(counts.events.sel(event=event).sum())
        found[f"{event}, needed"] = int(counts.events_needed.sel(event=event).sum())
    for architecture in (xb.architectures.ISAAC_2016, xb.architectures.NEURRAM_2022):
        for skip in ("none", "arrays"):
            report = xb.cost_report(counts, replace(architecture, skip_idle=skip))
            found[f"{architecture.name}, skipped {skip} [J]"] = float(report.component_energy.sum())
    return found


@torch.no_grad()
def times(folder: Path) -> dict[str, float]:
    """Return the time of one step over that of torch's plain forward, from a state in the middle of a run."""
    quantised, _, test = resnet20(folder)
    plain, x = load_resnet20(folder), test.images[:16]
    spiking = xb.spiking_from_quantised(quantised)
    config = xb.CrossbarConfig(mapping=MAPPING, inputs=SPIKES)
    collapsed = programmed(spiking, config, {"conv1": replace(config, inputs=IMAGES), "fc": None})
    # The state with which a step begins, so that every round does the same work.
    cases: dict[str, Callable[[], Any]] = {"torch": lambda: plain(x)}
    for name, model in (("digital", spiking), ("collapsed", collapsed)):
        xb.run_over_time(model, x, 8)
        cases[name] = lambda model=model: model(x)
    return ratios(cases, base="torch", rounds=7)


def equality(network: str, folder: Path, start: int) -> dict[str, Any]:
    """Compare the networks of a name on one chunk of images."""
    if network == "digits":
        quantised, train, test = digits()
        every = Split(torch.cat([test.images, train.images]), torch.cat([test.labels, train.labels]))
        return equal(quantised, "0", None, every, start)
    if network == "gru":
        quantised, _, test = row_reader(folder)
        return equal(quantised, "gru.cells.0.ih", None, test, start)
    quantised, _, test = resnet20(folder)
    return equal(quantised, "conv1", "fc", test, start)


def gru_accuracy(folder: Path) -> dict[str, Any]:
    """Return the accuracy of the quantised GRU on all test images."""
    quantised, _, test = row_reader(folder)
    return {"accuracy": accuracy(quantised, test, batch=1000)}


def rows(folder: Path, images: int) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return what there is to be known, the cheapest first."""
    chunks = range(0, images, CHUNK)

    def chunked(name: str, function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
        return {f"{name}, {start}": partial(function, *arguments, start) for start in chunks}

    return {
        **chunked("equal, digits", equality, "digits", folder),
        "time per step": partial(times, folder),
        **{f"on RRAM, digits, {start}": partial(curve, "digits", folder, start) for start in chunks if start < 540},
        **{
            f"events, {network}, {steps}": partial(events, network, folder, steps, number)
            for network, number in (("digits", 20), ("resnet20", 1))
            for steps in (0, 4, 8, 16, 32)
        },
        "equal, resnet20, 0": partial(equality, "resnet20", folder, 0),
        "accuracy, gru": partial(gru_accuracy, folder),
        **chunked("equal, gru", equality, "gru", folder),
        **chunked("on RRAM, resnet20", curve, "resnet20", folder),
        **chunked("equal, resnet20", equality, "resnet20", folder),
    }


Results = dict[str, dict[str, Any]]


def known(path: Path) -> Results:
    """Return the results of a file by their rows."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return {line.pop("row"): line for line in map(json.loads, lines)}


def parts(found: Results, prefix: str) -> list[dict[str, Any]]:
    """Return the results whose rows begin so."""
    return [result for row, result in found.items() if row.startswith(prefix)]


def show_equality(found: Results, network: str) -> None:
    """Print how many answers are equal."""
    chunks = parts(found, f"equal, {network}, ")
    if chunks:
        images, same, right = (sum(chunk[name] for chunk in chunks) for name in ("images", "equal", "right"))
        steps = max(chunk["steps"] for chunk in chunks)
        print(
            f"{network}: {same} of {images} equal bit for bit, {100 * right / images:.1f} % right, {steps} steps at most"
        )


def show_curve(found: Results, network: str) -> None:
    """Print accuracy over time steps on RRAM."""
    chunks = parts(found, f"on RRAM, {network}, ")
    if not chunks:
        return
    images = sum(chunk["images"] for chunk in chunks)
    right = torch.tensor([chunk["right"] for chunk in chunks]).sum(0) / images
    shown = (1, 2, 4, 6, 8, 10, 12, 16, 20, 24, 32, 48)
    print(f"\n{network} on RRAM with read noise, wires and an 8-bit converter per step, {images} images")
    print("steps " + " ".join(f"{step:5d}" for step in shown))
    print("  %   " + " ".join(f"{100 * float(right[step - 1]):5.1f}" for step in shown))
    quantised = sum(chunk["quantised, same arrays"] for chunk in chunks)
    print(f"quantised, same arrays: {100 * quantised / images:.1f} %")


def show_events(row: str, result: dict[str, Any]) -> None:
    """Print what so many steps take."""
    _, network, steps = row.split(", ")
    print(f"\n{network}, {f'{steps} steps' if steps != '0' else 'quantised, no steps'}, per image")
    for event in ("row_cycles", "array_reads", "conversions"):
        needed, every = result[f"{event}, needed"] / result["images"], result[event] / result["images"]
        print(f"  {event}: {needed:.4g} of {every:.4g}, {100 * (1 - needed / every):.0f} % skipped")
    for name in [name for name in result if name.endswith("[J]")]:
        print(f"  {name}: {result[name]:.3g}")


def table(found: Results) -> None:
    """Print what there is."""
    print("\nSpiking against quantised, ideal arrays, no converters, double precision")
    for network in ("digits", "resnet20", "gru"):
        show_equality(found, network)
    for result in parts(found, "accuracy, gru"):
        print(f"gru, quantised, 10 000 images: {100 * result['accuracy']:.2f} %")
    for network in ("digits", "resnet20"):
        show_curve(found, network)
    for row, result in found.items():
        if row.startswith("events, "):
            show_events(row, result)
    for result in parts(found, "time per step"):
        print("\ntime per step : torch", {name: round(value, 2) for name, value in result.items()})


def main() -> None:
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--rows", default="", help="only rows that begin so")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results" / "spiking.jsonl")
    arguments = parser.parse_args()
    found = known(arguments.results)
    wanted = {} if arguments.table else rows(arguments.data, arguments.images)
    for row, run in wanted.items():
        if row in found or not row.startswith(arguments.rows):
            continue
        result = run()
        with arguments.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"row": row, **result}) + "\n")
        print(row, result, flush=True)
    table(known(arguments.results))


if __name__ == "__main__":
    main()
