"""Accuracy and crossbars of SME's mapping next to named baselines, on trained CIFAR-10 networks.

Usage: python -m benchmarks.sme DATA [--networks resnet20 separable vgg16] [--images 2000] [--search-images 4000]
       [--chips 1] [--size 64] [--packing absent] [--no-device] [--only WORD ...]

DATA holds cifar10.npz and the trained weights; the separable network is trained here and kept in OUT. All convolutions
lie on crossbars of one-bit cells (ISAAC's of two bits), the classifier is digital; inputs are 8 bits, bit by bit.
Accuracies are of the first test images; squeezes are searched on the ones that follow, with a budget of 0.3 points.
"RRAM" adds read noise (sigma/mu 0.1, one draw per programming) and wires (row 5, column 10, driver and sense 1000 ohm),
before and after the batch-norm statistics of 1000 training images, mean over chips. Ones: per weight and stored plane,
mean and largest over planes.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

import crossbar as xb
from calibration import adapt_batchnorm, finetune_squeezed, search_squeeze
from crossbar.examples import (
    Split,
    accuracy,
    load_cifar10,
    load_resnet20,
    load_vgg16,
    separable_network,
    train_separable,
)
from mapping import SMECodebook, UniformQuantizer
from mapping.accounting import BASELINES

WIRES = xb.Wires(row=5.0, column=10.0, driver=1e3, sense=1e3)
HEADER = (
    f"{'mapping':46s} {'crossbars':>9s} {'ideal':>6s} {'RRAM':>6s} {'+BN':>6s} {'ADC/M':>7s} {'cycles':>7s} "
    f"{'ones':>5s} {'max':>5s} {'map s':>6s}"
)


@dataclass(frozen=True, kw_only=True)
class Study:
    """A network and its data."""

    model: nn.Module
    classifier: str
    train: Split
    validation: Split
    test: Split
    chips: int
    """Chips of the RRAM columns; 0 leaves them out."""
    dense: xb.MappingConfig
    only: tuple[str, ...]
    trials: str
    no_search: bool
    families: tuple[str, ...]

    def config(self, mapping: xb.MappingConfig, *, rram: bool = False) -> xb.CrossbarConfig:
        physics = {"device": xb.devices.RRAM, "wires": WIRES} if rram else {}
        return xb.CrossbarConfig(mapping=mapping, inputs=xb.InputConfig(bits=8, dac_bits=1), **physics)

    def convert(
        self, mapping: xb.MappingConfig, planes: dict[str, int], *, rram: bool = False, model: nn.Module | None = None
    ) -> nn.Module:
        overrides: dict[str, xb.CrossbarConfig | None] = {self.classifier: None}
        for name, count in planes.items():
            overrides[name] = self.config(replace(mapping, squeezed_planes=count), rram=rram)
        return xb.convert_to_analog(model or self.model, self.config(mapping, rram=rram), overrides=overrides)

    def row(
        self,
        label: str,
        mapping: xb.MappingConfig,
        planes: dict[str, int] | None = None,
        model: nn.Module | None = None,
    ) -> None:
        """Map, measure and print one line, if it is wanted."""
        if self.only and not any(word in label for word in self.only):
            return
        planes = planes or {}
        analog = self.convert(mapping, planes, model=model)
        start = time.perf_counter()
        xb.program_analog_weights(analog)
        seconds = time.perf_counter() - start
        report = xb.mapping_report(analog, self.test.images[:1])
        own = report.sel(mapping="own")
        density = (report.bit_density_after * report.weights).sum("layer") / report.weights.sum()
        stored = density.where(density > 0)
        ideal = accuracy(analog, self.test)
        del analog
        before, after = self.on_rram(mapping, planes, model)
        print(
            f"{label:46s} {int(own.crossbars.sum()):9d} {100 * ideal:6.1f} {100 * before:6.1f} {100 * after:6.1f} "
            f"{float(own.adc_conversions.sum()) / 1e6:7.1f} {int(own.input_cycles.sum()):7d} "
            f"{float(stored.mean()):5.2f} {float(stored.max()):5.2f} {seconds:6.1f}",
            flush=True,
        )

    def on_rram(
        self, mapping: xb.MappingConfig, planes: dict[str, int], model: nn.Module | None
    ) -> tuple[float, float]:
        """Return the mean accuracy on noisy chips with wires, before and after new batch-norm statistics."""
        before, after = [], []
        for chip in range(self.chips):
            analog = self.convert(mapping, planes, rram=True, model=model)
            xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(chip))
            before.append(accuracy(analog, self.test))
            adapt_batchnorm(analog, self.train.first(1000).batches(250))
            after.append(accuracy(analog, self.test))
        return float(np.mean(before)) if before else np.nan, float(np.mean(after)) if after else np.nan

    def search(self, name: str, mapping: xb.MappingConfig) -> dict[str, int]:
        """Find the planes that each layer can lose, and print them."""
        start = time.perf_counter()
        batches = list(self.validation.batches(250))
        result = search_squeeze(self.convert(mapping, {}), batches, budget=0.003, path=f"{self.trials}_{name}.json")
        print(
            f"  searched {name}: planes {list(result.planes.values())}, {100 * result.reference:.1f} -> "
            f"{100 * result.accuracy:.1f} on validation, {result.trials} trials, {time.perf_counter() - start:.0f} s",
            flush=True,
        )
        return result.planes

    def finetuned(self, mapping: xb.MappingConfig, planes: dict[str, int]) -> nn.Module:
        """Return the digital network trained through these squeezed weights."""
        analog = self.convert(mapping, planes)
        finetune_squeezed(analog, list(self.train.batches(100)), epochs=2, learning_rate=2e-3)
        return xb.convert_to_digital(analog).eval()


FAMILIES = ("SME (8, 3)", "uniform 8", "uniform 8 in 2-bit cells", "uniform 8 in two's complement")


def _families(dense: xb.MappingConfig) -> dict[str, xb.MappingConfig]:
    """Return the mappings that are squeezed."""
    uniform = replace(dense, quantizer=UniformQuantizer(bits=9))
    mappings = (
        replace(dense, quantizer=SMECodebook(bits=8, window=3)),
        uniform,
        replace(uniform, cell_bits=2),
        replace(uniform, encoding="twos_complement", merge_columns=True),
    )
    return dict(zip(FAMILIES, mappings, strict=True))


def run(study: Study) -> None:
    """Print the table of one network."""
    print(f"digital {100 * accuracy(study.model, study.test):.1f}, {len(study.test.labels)} images\n{HEADER}")
    uniform = replace(study.dense, quantizer=UniformQuantizer(bits=9))
    study.row("dense inter, uniform 8 planes", uniform)
    study.row("dense intra, uniform 8 planes", BASELINES["dense_intra"](uniform))
    study.row("ISAAC, 16 bits in 2-bit cells", BASELINES["isaac"](uniform))
    for planes in (5, 4, 3):
        for scale in ("max", "least_squares"):
            plain = UniformQuantizer(bits=planes + 1, scale=scale)
            study.row(
                f"plain {planes} planes, {scale} scale", replace(study.dense, weight_bits=planes + 1, quantizer=plain)
            )
    if not study.only or "plain fine-tuned" in study.only:
        plain_3 = replace(study.dense, weight_bits=4, quantizer=UniformQuantizer(bits=4, scale="least_squares"))
        study.row("plain fine-tuned, 3 planes, least_squares scale", plain_3, model=study.finetuned(plain_3, {}))
    two = {"encoding": "twos_complement"}
    study.row("two's complement 8 planes + sign", replace(uniform, **two))
    study.row("two's complement, columns merged", replace(uniform, **two, merge_columns=True))
    families = {name: mapping for name, mapping in _families(study.dense).items() if name in study.families}
    for name, mapping in families.items():
        if study.only and not any(word in f"{name}, squeezed by 3 4 everywhere and sorted" for word in study.only):
            continue
        study.row(f"{name}, not squeezed, empty arrays released", replace(mapping, release_empty=True))
        study.row(f"{name}, sorted and released", replace(mapping, row_order="sorted", release_empty=True))
        for planes in sorted({3, 4} & set(mapping.squeezable_planes())):
            study.row(f"{name}, squeezed by {planes} everywhere", replace(mapping, squeezed_planes=planes))
        if study.no_search:
            continue
        found = study.search(name, mapping)
        study.row(f"{name}, squeezed", mapping, found)
        study.row(f"{name}, squeezed and sorted", replace(mapping, row_order="sorted"), found)
        if mapping.cell_bits > 1 or mapping.merge_columns:
            continue
        more = {layer: min(count + 1, 6) for layer, count in found.items()}
        study.row(f"{name}, one plane more", mapping, more)
        if not study.only or "fine-tuned" in study.only:
            study.row(f"{name}, one plane more, fine-tuned", mapping, more, study.finetuned(mapping, more))


def separable(folder: Path, out: Path) -> nn.Module:
    """Return the separable network, trained now unless `out` holds it."""
    model, path = separable_network(), out / "separable_cifar10.pt"
    if path.is_file():
        model.load_state_dict(torch.load(path, weights_only=True))
        return model.eval()
    train, _ = load_cifar10(folder, train=20000, test=1)
    torch.manual_seed(0)
    model = separable_network()
    train_separable(model, train, epochs=6)
    out.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), path)
    return model


def main() -> None:
    """Run the chosen networks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--networks", nargs="+", default=["resnet20", "separable", "vgg16"])
    parser.add_argument("--images", type=int, default=2000, help="test images")
    parser.add_argument("--search-images", type=int, default=4000)
    parser.add_argument("--chips", type=int, default=1, help="chips of the RRAM columns")
    parser.add_argument("--training-images", type=int, default=4000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument(
        "--packing",
        default="none",
        choices=("none", "absent", "g_min"),
        help="groups of a convolution that share arrays",
    )
    parser.add_argument("--no-device", action="store_true", help="ideal arrays only")
    parser.add_argument("--no-search", action="store_true", help="fixed squeezes only")
    parser.add_argument("--families", nargs="+", default=FAMILIES, choices=FAMILIES, help="mappings to squeeze")
    parser.add_argument("--only", nargs="+", default=[], help="words of which a printed mapping has one in its name")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    networks: dict[str, Callable[[], tuple[nn.Module, str]]] = {
        "resnet20": lambda: (load_resnet20(arguments.data), "fc"),
        "vgg16": lambda: (load_vgg16(arguments.data), "2"),
        "separable": lambda: (model := separable(arguments.data, arguments.out), str(len(model) - 1)),
    }
    count = arguments.images
    train, images = load_cifar10(arguments.data, train=arguments.training_images, test=count + arguments.search_images)
    validation = Split(images.images[count:], images.labels[count:])
    for name in arguments.networks:
        model, classifier = networks[name]()
        size = arguments.size
        dense = xb.MappingConfig(weight_bits=9, cell_bits=1, rows=size, cols=size, group_packing=arguments.packing)
        print(f"\n{name}, {size}x{size} arrays, groups packed: {arguments.packing}: ", end="")
        run(
            Study(
                model=model,
                classifier=classifier,
                train=train,
                validation=validation,
                test=images.first(count),
                chips=0 if arguments.no_device else arguments.chips,
                dense=dense,
                only=tuple(arguments.only),
                no_search=arguments.no_search,
                families=tuple(arguments.families),
                trials=str(arguments.out / f"squeeze_{name}_{size}_{count}"),
            )
        )


if __name__ == "__main__":
    main()
