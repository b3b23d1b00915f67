"""The demo study: accuracy over read noise, wire resistance and time, before and after batch-norm adaptation."""

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
import torch
import xarray as xr
from torch import nn

import devices
from calibration import adapt_batchnorm
from crossbar.command_line.chip_draws import chips_differ
from crossbar.config import CrossbarConfig
from crossbar.conversion import convert_to_analog
from crossbar.examples import (
    Split,
    accuracy,
    digits_network,
    load_cifar10,
    load_digits,
    load_resnet20,
    train_digits,
)
from crossbar.lifecycle import drift_analog_weights, program_analog_weights
from crossbar.progress import progress_over
from crossbar.provenance import provenance
from crossbar.serialization import config_to_json
from devices import Device, RelativeReadNoise, Wires
from devices.validation import check_boolean, check_choice, check_integer
from mapping import MappingConfig

DEVICES: Mapping[str, Device] = MappingProxyType(
    {"FeFET": devices.FeFET, "PCM-i": devices.PCM_I, "PCM-ii": devices.PCM_II, "RRAM": devices.RRAM}
)
PAPER_WIRES = Wires(row=5.0, column=10.0, driver=1e3, sense=1e3)
"""Resistances of arXiv 2305.18416, section 4 [ohm]."""


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """What the demo runs."""

    device: str = "RRAM"
    """A key of `DEVICES`."""
    chips: int = 5
    """Chips programmed at every point of the sweep."""
    model: Literal["digits", "resnet20"] = "digits"
    """Network: trained here on digits, or a trained ResNet-20 on CIFAR-10."""
    data: Path | None = None
    """Folder with CIFAR-10 and the trained weights; ResNet-20 needs it."""
    seed: int = 0
    """Seed of training and of the chips."""
    quick: bool = False
    """Whether the axes have their ends only."""

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        check_choice("device", self.device, tuple(DEVICES))
        check_integer("chips", self.chips, at_least=1)
        check_boolean("quick", self.quick)
        check_choice("model", self.model, ("digits", "resnet20"))
        if self.model == "resnet20" and self.data is None:
            raise ValueError("`data` must name the folder with cifar10.npz and the trained weights. Got None.")


class _Axes(NamedTuple):
    """Values swept."""

    read_noise: tuple[float, ...]
    wire_scale: tuple[float, ...]
    time: tuple[float, ...]


_AXES = {
    "digits": _Axes(read_noise=(0.0, 0.05, 0.1, 0.2), wire_scale=(0.0, 0.2, 1.0), time=(1.0, 1e2, 1e6)),
    "resnet20": _Axes(read_noise=(0.0, 0.1), wire_scale=(0.0, 1.0), time=(1.0, 1e6)),
}


def _axes(config: DemoConfig) -> _Axes:
    return _AXES["resnet20" if config.quick else config.model]


def run_demo(config: DemoConfig, *, progress: bool = False) -> xr.Dataset:
    """Train or load the network, map it, and sweep.

    Returns
    -------
    xr.Dataset
        `accuracy_before` and `accuracy_after` over (read_noise, wire_scale, time, chip), and `accuracy_digital`.
    """
    model, train, test, digital_layer = _network(config)
    axes = _axes(config)
    shape = (*(len(values) for values in axes), config.chips)
    before, after = np.zeros(shape), np.zeros(shape)
    for chip in progress_over(_chips(config), show=progress, description="chips", unit="chip"):
        crossbar = demo_crossbar(config, axes.read_noise[chip.noise], axes.wire_scale[chip.wires])
        analog = convert_to_analog(model, crossbar, overrides={digital_layer: None})
        program_analog_weights(analog, generator=torch.Generator().manual_seed(config.seed + chip.first))
        statistics = {name: tensor.clone() for name, tensor in analog.state_dict().items() if "running_" in name}
        for time_index, t in enumerate(axes.time):
            analog.load_state_dict(statistics, strict=False)
            drift_analog_weights(analog, t)
            index = (chip.noise, chip.wires, time_index, slice(chip.first, chip.last))
            before[index] = accuracy(analog, test)
            adapt_batchnorm(analog, train.batches(250))
            after[index] = accuracy(analog, test)
    return _dataset(config, before, after, digital=accuracy(model, test), images=len(test.labels))


class _Chip(NamedTuple):
    """One chip to program: where it stands on the axes, and the chips `first` to `last` - 1 that are all like it."""

    noise: int
    wires: int
    first: int
    last: int


def _chips(config: DemoConfig) -> list[_Chip]:
    """Return the chips of the sweep; where nothing is random all chips are one, which is computed once."""
    axes = _axes(config)
    chips: list[_Chip] = []
    for (noise, ratio), (wires, scale) in itertools.product(enumerate(axes.read_noise), enumerate(axes.wire_scale)):
        step = 1 if chips_differ(demo_crossbar(config, ratio, scale)) else config.chips
        chips += [_Chip(noise, wires, first, first + step) for first in range(0, config.chips, step)]
    return chips


def demo_crossbar(config: DemoConfig, read_noise: float, wire_scale: float) -> CrossbarConfig:
    """Return the setting of arXiv 2305.18416 (64x64, 8-bit weights in 4-bit cells) with this noise and these wires."""
    noise = RelativeReadNoise(ratio=read_noise, draw="programming") if read_noise else None
    device = replace(DEVICES[config.device], read_noise=noise)
    wires = Wires(**{name: value * wire_scale for name, value in asdict(PAPER_WIRES).items()})
    return CrossbarConfig(
        device=device, wires=wires, mapping=MappingConfig(weight_bits=8, cell_bits=4, rows=64, cols=64)
    )


def _network(config: DemoConfig) -> tuple[nn.Module, Split, Split, str]:
    """Return a trained network, its data, and the name of the classifier that stays digital, as in the paper."""
    if config.model == "resnet20" and config.data is not None:
        train, test = load_cifar10(config.data, train=1000, test=1000)
        return load_resnet20(config.data), train, test, "fc"
    train, test = load_digits(seed=config.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = digits_network()
    train_digits(model, train, seed=config.seed)
    return model, train, test, str(len(model) - 1)


def _dataset(config: DemoConfig, before: np.ndarray, after: np.ndarray, *, digital: float, images: int) -> xr.Dataset:
    axes = _axes(config)
    dims = ("read_noise", "wire_scale", "time", "chip")
    wires = ", ".join(f"{name} {value:g}" for name, value in asdict(PAPER_WIRES).items())
    coordinates = {
        "read_noise": ("read_noise", list(axes.read_noise), {"long_name": "read noise sigma/mu", "units": "1"}),
        "wire_scale": (
            "wire_scale",
            list(axes.wire_scale),
            {"long_name": "wire resistance", "units": "1", "comment": f"1 is {wires} ohm"},
        ),
        "time": ("time", list(axes.time), {"long_name": "time since programming", "units": "s"}),
        "chip": ("chip", np.arange(config.chips), {"long_name": "chip", "units": "1"}),
    }
    share = {"units": "1"}
    return xr.Dataset(
        {
            "accuracy_before": (dims, before, {"long_name": "accuracy before adaptation", **share}),
            "accuracy_after": (dims, after, {"long_name": "accuracy after batch-norm adaptation", **share}),
            "accuracy_digital": ((), digital, {"long_name": "digital accuracy", **share}),
        },
        coords=coordinates,
        attrs={
            "title": f"{config.model} on {config.device} crossbars, {images} test images",
            "device": config.device,
            "config": config_to_json(demo_crossbar(config, DEMO_NOISE, 1.0)),
            "seed": config.seed,
            **provenance(),
        },
    )


DEMO_NOISE = 0.1
"""Read noise sigma/mu of the table's rows and of the stored config."""
