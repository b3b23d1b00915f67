"""Costs beside what their sources print, and trained networks on five architectures.

    python -m benchmarks.cost                                        # checks of prices, counts and circuits
    python -m benchmarks.cost --data FOLDER --network resnet20 --out FILE.jsonl   # run what is missing, print the table

Every row of the table is one line of a JSON-lines file, written when it is known: an interrupted run goes on where it
stopped.

The rows "thresholds" have thresholds in place of every ReLU, learned on the programmed chip; "raised thresholds" had them
lifted before above a quarter of each neuron's positive values.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

import crossbar as xb
import devices
from calibration import adapt_batchnorm, calibrate_adc_ranges, mime
from crossbar.array.block_counts import count_blocks
from crossbar.cost import ARCHITECTURES, count_events, peak_report
from crossbar.cost.component_events import component_events, energy_of_event
from crossbar.examples import accuracy, load_cifar10, load_resnet20, load_vgg16

LOADERS = {"resnet20": load_resnet20, "vgg16": load_vgg16}
DIGITAL = {"resnet20": {"fc": None}, "vgg16": {"2": None}}
NEURRAM = [
    ("3, 1", 1, (3,), (1,), 2.122, 43.08),
    ("4, 2", 2, (4,), (1,), 1.793, 40.33),
    ("5, 3", 3, (5,), (2,), 1.165, 23.09),
    ("6, 4", 4, (6,), (3,), 0.744, 15.95),
    ("7, 5", 5, (7,), (4,), 0.452, 11.33),
    ("8, 6", 6, (8,), (5,), 0.261, 9.12),
    ("7, 5 in two phases", 5, (7, 5), (2, 2), 0.525, 11.03),
    ("8, 6 in two phases", 6, (8, 5), (3, 2), 0.418, 8.26),
    ("9, 7 in two phases", 7, (9, 6), (3, 3), 0.344, 7.75),
    ("10, 8 in two phases", 8, (10, 6), (4, 3), 0.264, 6.44),
]
"""Output and input bits; those of each phase, of converters and magnitudes; TOPS of 48 cores and TOPS/W, measured."""
WIRES = xb.Wires(row=5.0, column=10.0, driver=1e3, sense=1e3)
SERIAL, WHOLE = xb.InputConfig(bits=8, dac_bits=1), xb.InputConfig(bits=8, negative="bipolar")
DENSE = xb.CrossbarConfig(
    device=devices.RRAM,
    wires=WIRES,
    mapping=xb.MappingConfig(weight_bits=8, cell_bits=4, rows=64, cols=64),
    inputs=SERIAL,
    adc=xb.ADC(bits=8, range="calibrated"),
)
ISAAC_MAPPING = xb.MappingConfig(weight_bits=16, cell_bits=2, rows=128, cols=128, encoding="offset", slicing="intra")
VARIANTS: dict[str, xb.CrossbarConfig] = {
    "dense": DENSE,
    "ISAAC": dataclasses.replace(DENSE, mapping=ISAAC_MAPPING, inputs=xb.InputConfig(bits=16, dac_bits=1)),
    "squeezed by 3": dataclasses.replace(DENSE, mapping=dataclasses.replace(DENSE.mapping, squeezed_planes=3)),
    "6-bit ADC": dataclasses.replace(DENSE, adc=xb.ADC(bits=6, range="calibrated")),
    "thresholds": DENSE,
    "raised thresholds": DENSE,
}
BIT_BY_BIT = ("ISAAC_2016", "PUMA_2019", "SURVEY_22NM")
AT_ONCE = ("NEURRAM_2022", "HERMES_2022")


def row(what: str, found: float, target: float, *, unit: str = "", within: str = "") -> str:
    return f"{what:<52}{found:>12.5g}{target:>12.5g} {unit:<10}{found / target - 1:>+9.2%}  {within}"


def published() -> Iterator[str]:
    """Yield the headline numbers of each preset beside those of its paper."""
    isaac = peak_report(xb.architectures.ISAAC_2016)
    tile = float(isaac.power.sum() - isaac.power.sel(component="link")) / 168
    core = ["array", "dac", "sample_hold", "adc", "shift_add", "input_register", "output_register"]
    yield row("ISAAC IMA", float(isaac.power.sel(component=core).sum()) / 2016 * 1e3, 24.08, unit="mW", within="0.1 %")
    yield row("ISAAC tile", tile * 1e3, 329.9, unit="mW", within="0.1 %")
    yield row("ISAAC chip", float(isaac.power.sum()), 65.82, unit="W", within="0.1 %")
    yield row("ISAAC efficiency", float(isaac.operations_per_joule) / 1e12, 0.627, unit="TOPS/W", within="0.1 %")
    density = float(isaac.operations_per_second_and_area) / 1e18
    yield row("ISAAC density, from its table I", density, 0.4835, unit="TOPS/mm2", within="1 %")
    yield row("ISAAC density, as printed", density, 0.479, unit="TOPS/mm2", within="1 %")
    yield row("ISAAC, ADC's share of a tile", float(isaac.power.sel(component="adc")) / 168 / tile * 100, 58, unit="%")
    puma = peak_report(xb.architectures.PUMA_2019)
    unit = float(puma.power.sel(component=["array", "adc", "dac"]).sum()) / (138 * 16) * float(puma.read_time)
    yield row("PUMA MVM", unit * 1e9, 43.97, unit="nJ", within="0.1 %")
    yield row("PUMA MVM", float(puma.read_time) * 1e9, 2304, unit="ns", within="0.1 %")
    yield row("PUMA node", float(puma.power.sum()), 62.5, unit="W", within="0.1 %")
    yield row("PUMA node", float(puma.area.sum()) * 1e6, 90.64, unit="mm2", within="0.1 %")
    hermes = peak_report(xb.architectures.HERMES_2022)
    yield row("HERMES read (fitted: only totals are published)", float(hermes.read_time) * 1e9, 130, unit="ns")
    yield row("HERMES read (fitted)", float(hermes.read_energy) * 1e9, 12.48, unit="nJ")
    yield row("HERMES, four phases : one", 4.0, 521 / 132.9, within="2.5 %")


def neurram() -> Iterator[str]:
    """Yield NeuRRAM's ten measured points; its neuron's three energies were tuned to them, by hwcomponents' authors."""
    a = xb.architectures.NEURRAM_2022
    none = dict.fromkeys(("input_bits", "output_bits", "partial_sums", "activations", "pooled", "digital_macs"), 0.0)
    events = {**none, "row_cycles": 256.0, "cell_reads": 65536.0, "array_reads": 1.0, "conversions": 256.0}
    parts = ("array", "word_line", "dac", "sample_hold", "integrator", "adc")
    for name, _, outputs, magnitudes, tops, efficiency in NEURRAM:
        energy = duration = 0.0
        for out, bits in zip(outputs, magnitudes, strict=True):
            acts = component_events(events, a, pulse_bits=bits, magnitude_bits=bits)
            energy += sum(acts[part] * energy_of_event(a, part, adc_bits=out) for part in parts)
            duration += a.cycle_time(magnitude_bits=bits, adc_bits=out, cols=256)
        measured = 48 * 65536 / tops / 1e12 * 1e6
        yield row(f"NeuRRAM {name} bits, time", duration * 1e6, measured, unit="us", within="10 %")
        yield row(f"NeuRRAM {name} bits, efficiency", 65536 / energy / 1e12, efficiency, unit="TOPS/W", within="12 %")


def programmed(model: nn.Module, config: xb.CrossbarConfig, overrides: Any = None) -> nn.Module:
    analog = xb.convert_to_analog(model, config, overrides=overrides).eval()
    xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(0))
    return analog


def conversions() -> Iterator[str]:
    """Yield conversions per multiply-add, counted on full matrices."""
    for name, weights, cell, bits, rows, target in (
        ("ISAAC at 8 bits", 8, 2, 8, 128, 0.25),
        ("512 rows", 8, 2, 8, 512, 0.0625),
        ("RAELLA's three slices", 8, 3, 8, 512, 0.046875),
        ("ISAAC at 16 bits", 16, 2, 16, 128, 1.0),
    ):
        mapping = xb.MappingConfig(
            weight_bits=weights, cell_bits=cell, rows=rows, cols=128, encoding="offset", slicing="intra"
        )
        config = xb.CrossbarConfig(mapping=mapping, inputs=xb.InputConfig(bits=bits, dac_bits=1), adc=xb.ADC(bits=8))
        analog = programmed(nn.Sequential(nn.Linear(rows, 16, bias=False)), config)
        counts = count_events(analog, torch.rand(4, rows), array_energy=False)
        found = float(counts.events.sel(layer="0", event="conversions") / counts.macs.sel(layer="0"))
        yield row(f"conversions per multiply-add, {name}", found, target, within="exact")


def circuits() -> Iterator[str]:
    """Yield the largest deviation of the array's power from that of all node voltages, 50 random arrays and batches."""
    worst = 0.0
    for seed in range(50):
        generator = torch.Generator().manual_seed(seed)
        rows, cols = torch.randint(2, 40, (2,), generator=generator).tolist()
        values = (torch.rand(4, generator=generator) * torch.tensor([20.0, 20.0, 1e3, 500.0])).tolist()
        wires = xb.Wires(**dict(zip(("row", "column", "driver", "sense"), values, strict=True)))
        conductance = 1e-5 * torch.rand(rows, cols, generator=generator, dtype=torch.float64) + 1e-6
        voltages = 0.2 * torch.randn(9, rows, generator=generator, dtype=torch.float64)
        solution = xb.solve_crossbar(conductance, voltages, wires, tolerance=1e-13)
        expected = float((solution.cell_currents.sum(-1) * voltages).sum())
        worst = max(worst, abs(float(xb.read_power(conductance, voltages.T @ voltages, wires)) / expected - 1))
    yield f"array power against solve_crossbar, 50 arrays: largest relative deviation {worst:.1e} (target 1e-10)"


def counting(data: Path, images: int) -> Iterator[str]:
    """Yield what counting costs beside a plain tiled read of the same batch, in CPU time of one thread."""
    config = dataclasses.replace(DENSE, adc=xb.ADC(bits=8))
    analog = programmed(load_resnet20(data), config, DIGITAL["resnet20"])
    x = next(iter(load_cifar10(data, train=1, test=images)[1].batches(images)))[0]
    layers = [layer for _, layer in xb.named_analog_layers(analog)]

    def count(layer: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        count_blocks(layer.array, layer.input_codes(arguments[0]), moments=True)

    def seconds(run: Any) -> float:
        start = time.process_time()
        run()
        return time.process_time() - start

    with torch.no_grad():
        pairs = []
        for _ in range(4):
            plain = seconds(lambda: analog(x))
            hooks = [layer.register_forward_pre_hook(count) for layer in layers]
            counted = seconds(lambda: analog(x))
            for hook in hooks:
                hook.remove()
            pairs.append(counted / plain)
        whole = seconds(lambda: count_events(analog, x))
    yield f"ResNet-20, {images} images: counted read : plain read {sorted(pairs)[len(pairs) // 2]:.2f} (target 1.3)"
    yield f"the whole of count_events once, with the circuits of all arrays: {whole / plain:.2f} reads of this batch"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Images:
    """How many images of each kind."""

    train: int
    """To adapt batch norms and learn thresholds."""
    test: int
    """For the accuracy."""
    counted: int
    """For the events, the first of those."""
    vectors: int
    """Of eight of the training images, for the range of each converter."""
    epochs: int
    """Over the training images, to learn thresholds."""


def study(network: str, data: Path, out: Path, images: Images, only: list[str] | None) -> None:
    """Run every variant that is not in the file."""
    done = {(line["network"], line["variant"], line["inputs"]) for line in lines(out)}
    training, tests = load_cifar10(data, train=images.train, test=images.test)
    for name, config in VARIANTS.items():
        for kind, inputs in (("bit by bit", config.inputs), ("at once", WHOLE)):
            key = f"{name}, {kind}"
            if (network, name, kind) in done or key == "ISAAC, at once" or (only and key not in only):
                continue
            start = time.process_time()
            model = LOADERS[network](data)
            line = {"network": network, "variant": name, "inputs": kind, **dataclasses.asdict(images)}
            line["digital"] = accuracy(model, tests)
            if "thresholds" in name:
                model = mime.attach_thresholds(model, training.images[:4])
            analog = programmed(model, dataclasses.replace(config, inputs=inputs), DIGITAL[network])
            calibrate_adc_ranges(analog, training.first(8).batches(8), vectors=images.vectors)
            adapt_batchnorm(analog, list(training.batches(25)))
            if "raised" in name:
                raise_thresholds(analog, training.images[:50])
                line["before training"] = accuracy(analog, tests, batch=25)
            if "thresholds" in name:
                mime.calibrate_thresholds(analog, list(training.batches(25)), epochs=images.epochs)
            line["accuracy"] = accuracy(analog, tests, batch=25)
            counts = count_events(analog, tests.first(images.counted).batches(10))
            line["costs"] = dict(prices(counts, BIT_BY_BIT if kind == "bit by bit" else AT_ONCE))
            line["seconds"] = time.process_time() - start
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


@torch.no_grad()
def raise_thresholds(model: nn.Module, x: torch.Tensor, *, share: float = 0.25) -> None:
    """Set every neuron's threshold so that a quarter of its positive values fall below it: a sparsity, not a training."""

    def set_one(site: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        values = arguments[0].clamp(min=0)
        values = torch.where(values > 0, values, torch.nan)
        level = values.nanquantile(share, dim=0).nan_to_num(0.0)
        site.threshold.copy_(level.reshape(site.threshold.shape))

    sites = [site for _, site in mime.named_thresholds(model)]
    for site in sites:
        hook = site.register_forward_pre_hook(set_one)
        model.eval()(x)
        hook.remove()


def prices(counts: Any, names: tuple[str, ...]) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield the totals on every architecture that has a law for the converters, with and without skipping."""
    for name in names:
        for skip in ("none", "arrays"):
            architecture = dataclasses.replace(ARCHITECTURES[name], skip_idle=skip)
            try:
                cost = xb.cost_report(counts, architecture)
            except ValueError as error:
                yield f"{name} {skip}", {"refused": str(error)}
                continue
            keys = ("energy_per_inference", "latency", "interval", "total_area", "operations_per_joule")
            totals = {key: float(cost[key]) for key in keys}
            energy = cost.component_energy
            totals |= {part: float(energy.sel(component=part)) for part in ("adc", "array")}
            totals["arrays"] = float(cost.arrays.sum())
            yield f"{name} {skip}", totals


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def table(path: Path, network: str) -> Iterator[str]:
    yield "| variant | inputs | accuracy | architecture | node | energy | skipped | latency | area | arrays |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for line in lines(path):
        if line["network"] != network:
            continue
        right, images = line["accuracy"], line["test"]
        error = (right * (1 - right) / images) ** 0.5
        for name in dict.fromkeys(key.split()[0] for key in line["costs"]):
            cost, skipped = line["costs"][f"{name} none"], line["costs"][f"{name} arrays"]
            start = f"| {line['variant']} | {line['inputs']} | {100 * right:.1f} ± {100 * error:.1f} % | {name} | "
            start += f"{ARCHITECTURES[name].node * 1e9:.0f} nm |"
            if "refused" in cost:
                yield f"{start} no price: the converter lies outside its law | | | | |"
                continue
            yield (
                f"{start} {two(cost['energy_per_inference'] * 1e6)} uJ | {two(skipped['energy_per_inference'] * 1e6)} uJ | "
                f"{two(cost['latency'] * 1e3)} ms | {two(cost['total_area'] * 1e6)} mm2 | {cost['arrays']:.0f} |"
            )


def two(value: float) -> str:
    """Return a number with two digits."""
    return f"{float(f'{value:.2g}'):g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--network", choices=sorted(LOADERS), help="run the table of a network")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/cost.jsonl"))
    parser.add_argument("--train", type=int, default=200)
    parser.add_argument("--test", type=int, default=500)
    parser.add_argument("--counted", type=int, default=5)
    parser.add_argument("--vectors", type=int, default=512)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--only", action="append", help="a row, such as 'dense, at once'; may be given several times")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.network is not None:
        images = Images(**{f.name: getattr(options, f.name) for f in dataclasses.fields(Images)})
        study(options.network, options.data, options.out, images, options.only)
        print("\n".join(table(options.out, options.network)))
        return
    print(f"{'':<52}{'ours':>12}{'source':>12}")
    for text in (*published(), *neurram(), *conversions(), *circuits()):
        print(text, flush=True)
    if options.data is not None:
        for text in counting(options.data, 32):
            print(text)


if __name__ == "__main__":
    main()
