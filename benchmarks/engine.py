"""The read engine beside torch: `python -m benchmarks.engine [--data FOLDER] [--threads 1 2] [--device cuda] [--quick]`."""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1]))

import crossbar as xb
from benchmarks.timing import ratios, seconds_of
from crossbar.array.reads.tiled.engine import vectors_at_a_time
from crossbar.examples import load_cifar10, load_resnet20
from devices import Device, RelativeReadNoise

WIRES = xb.Wires(row=5.0, column=10.0, driver=1e3, sense=1e3)
NOISY = replace(xb.devices.RRAM, drift=None, read_noise=RelativeReadNoise(ratio=0.02, draw="read"))
PLAIN = xb.CrossbarConfig(mapping=xb.MappingConfig(rows=128, cols=128))
BIT_SERIAL = xb.CrossbarConfig(
    mapping=xb.MappingConfig(weight_bits=8, cell_bits=1, rows=128, cols=128),
    inputs=xb.InputConfig(bits=8, dac_bits=1),
    adc=xb.ADC(bits=8),
)
ONE_PLANE = replace(BIT_SERIAL, mapping=replace(BIT_SERIAL.mapping, cell_bits=7))
ONE_ADC_PER_PAIR = replace(ONE_PLANE, adc=xb.ADC(bits=8, subtraction="analog"))
LAYERS = {
    "Linear 512x512 b256": (lambda: nn.Linear(512, 512), (256, 512), 1.3, 1.9, 50),
    "Conv2d 64->64 3x3 16x16 b32": (lambda: nn.Conv2d(64, 64, 3, padding=1), (32, 64, 16, 16), 1.5, 2.2, 65),
}


def device_named(text: str) -> torch.device:
    """Return the device of that name.

    Raises
    ------
    ValueError
        If it is neither the CPU nor a GPU that this torch sees.
    """
    device = torch.device(text)
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"`device` must be cpu, cuda or cuda:N. Got {text!r}.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"`device` must be one that this torch sees. Got {text!r} of {torch.cuda.device_count()} GPUs. Use cpu, or a "
            "torch built for the GPU's driver."
        )
    return device


def programmed(model: nn.Module, config: xb.CrossbarConfig) -> nn.Module:
    """Return the model on a programmed chip, on its own device."""
    analog = xb.convert_to_analog(model, config).eval()
    xb.program_analog_weights(analog)
    return analog


def reader(model: nn.Module, x: Tensor) -> Callable[[], Tensor]:
    """Return a function that runs the model without gradients."""

    @torch.no_grad()
    def run() -> Tensor:
        return model(x)

    return run


def trainer(model: nn.Module, x: Tensor) -> Callable[[], None]:
    """Return a function that runs forward and backward."""
    model = model.train()

    def run() -> None:
        model.zero_grad()
        model(x).sum().backward()

    return run


def bare_products(analog: xb.AbstractAnalogLayer, x: Tensor) -> Callable[[], None]:
    """Return the bare arithmetic of a tiled read: the same multiply-adds, block by block, in chunked products."""
    reader = analog.array.reader
    settings, runs, tables = reader.settings, reader.runs, reader.tables
    number = vectors_at_a_time(tables, runs, settings)
    products = []
    for run in runs:
        blocks, first_row = run.lines.blocks, run.lines.first_row
        last = run.first + blocks * run.conversions
        matrix = tables.matrix[run.first : last].view(blocks, run.conversions, -1)[:, :, first_row:]
        drive = torch.rand(blocks, matrix.shape[2], number * run.lines.cycles, device=matrix.device)
        products.append((matrix, drive))
    chunks = -(-analog.input_vectors(x).shape[0] // number)

    def run_products() -> None:
        for _ in range(chunks):
            for matrix, drive in products:
                torch.mm(matrix[0], drive[0]) if matrix.shape[0] == 1 else torch.bmm(matrix, drive)

    return run_products


def layer_rows(rounds: int, device: torch.device) -> Iterator[tuple[str, float, str]]:
    """Yield (what, ratio, target) for single layers."""
    for name, (make, shape, target, noisy_target, integer_target) in LAYERS.items():
        layer, x = make().eval().to(device), torch.rand(shape, device=device)
        tiled, integer = programmed(layer, replace(BIT_SERIAL, plan="tiled")), programmed(layer, BIT_SERIAL)
        cases = {
            "torch": reader(layer, x),
            "collapsed": reader(programmed(layer, PLAIN), x),
            "collapsed, read noise": reader(programmed(layer, replace(PLAIN, device=NOISY)), x),
        }
        found = ratios(cases, base="torch", rounds=rounds, device=device)
        yield f"{name}: collapsed / torch", found["collapsed"], f"<= {target}"
        yield f"{name}: collapsed with read noise / torch", found["collapsed, read noise"], f"<= {noisy_target}"
        found = ratios(
            {"bare": bare_products(tiled, x), "tiled": reader(tiled, x)},
            base="bare",
            rounds=max(3, rounds // 3),
            device=device,
        )
        yield f"{name}: tiled 8-bit bit-serial, ADC / bare products", found["tiled"], "<= 1.5"
        serial = {"torch": reader(layer, x), "tiled": reader(tiled, x), "integer": reader(integer, x)}
        found = ratios(serial, base="torch", rounds=max(3, rounds // 3), device=device)
        yield f"{name}: tiled 8-bit bit-serial, ADC / torch", found["tiled"], "-"
        yield f"{name}: the same in integers / torch", found["integer"], f"<= {integer_target}"
        x.requires_grad_()
        training = {
            "torch": trainer(make().to(device), x),
            "analog": trainer(xb.convert_to_analog(layer, replace(PLAIN, device=NOISY)), x),
        }
        yield (
            f"{name}: training step / torch",
            ratios(training, base="torch", rounds=rounds, device=device)["analog"],
            "<= 2.5",
        )


def one_vector_row(rounds: int, device: torch.device) -> Iterator[tuple[str, float, str]]:
    """Yield (what, ratio, target) for reads of one vector, many in a row."""
    layer, x = nn.Linear(512, 512, device=device).eval(), torch.rand(1, 512, device=device)
    runs = {"torch": reader(layer, x), "analog": reader(programmed(layer, PLAIN), x)}
    many = {name: lambda run=run: [run() for _ in range(300)] for name, run in runs.items()}
    yield (
        "Linear 512x512, one vector: collapsed / torch",
        ratios(many, base="torch", rounds=rounds, device=device)["analog"],
        "<= 2",
    )


def network_rows(folder: Path, rounds: int, device: torch.device) -> Iterator[tuple[str, float, str]]:
    """Yield (what, ratio, target) for ResNet-20 on CIFAR-10 images."""
    model = load_resnet20(folder).to(device)
    images = load_cifar10(folder, train=1, test=100)[1].images.to(device)
    wired: Device = replace(xb.devices.Ideal, g_min=2e-6, g_max=20e-6)
    noisy: Device = replace(wired, read_noise=NOISY.read_noise)
    bit_serial = "one plane, bit-serial, an ADC per"
    for name, config, targets in (
        ("collapsed", PLAIN, ("<= 2", "<= 2", "-")),
        (f"{bit_serial} pair", ONE_ADC_PER_PAIR, ("<= 12", "<= 25", "<= 50")),
        (f"{bit_serial} bit line", ONE_PLANE, ("<= 18", "<= 35", "-")),
    ):
        cases = {
            "torch": reader(model, images),
            "cells on their levels": reader(programmed(model, replace(config, device=wired)), images),
            "exact wires": reader(programmed(model, replace(config, device=wired, wires=WIRES)), images),
            "wires and read noise": reader(programmed(model, replace(config, device=noisy, wires=WIRES)), images),
        }
        found = ratios(cases, base="torch", rounds=rounds if config is PLAIN else 3, device=device)
        for (case, ratio), target in zip(list(found.items())[1:], targets, strict=True):
            yield f"ResNet-20 {name}, {case} / torch", ratio, target
    two_planes = replace(PLAIN, device=xb.devices.RRAM, wires=WIRES)
    analog = xb.convert_to_analog(model, two_planes)
    seconds = seconds_of(lambda: xb.program_analog_weights(analog), device)
    yield "programming ResNet-20, exact wires, 128x128, 2 planes of 4-bit cells [s]", seconds, "<= 30"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[1].parent / "shared" / "data")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    try:
        device = device_named(options.device)
    except (ValueError, RuntimeError) as error:
        parser.error(str(error))
    rounds = 5 if options.quick else 25
    for threads in options.threads if device.type == "cpu" else options.threads[:1]:
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        place = f"{threads} thread(s)" if device.type == "cpu" else str(device)
        print(f"\n{place:<82}ratio    target")
        rows = [*layer_rows(rounds, device), *one_vector_row(rounds, device)]
        if options.data.is_dir():
            rows += network_rows(options.data, rounds, device)
        else:
            print(f"(no network: {options.data} is absent)")
        for name, ratio, target in rows:
            print(f"{name:<82}{ratio:>6.2f}    {target}")


if __name__ == "__main__":
    main()
