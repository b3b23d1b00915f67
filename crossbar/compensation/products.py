"""Programming by products: the arrays themselves say what they do, and cells are written again until they do it.

As gradient-descent programming (Buechel et al., "Gradient descent-based programming of analog in-memory computing cores",
IEDM 2022, arXiv 2305.16647): known inputs are read, the error of the products is turned into one of the cells, and those
that are furthest off get another pulse. Wires, frozen deviations of cells and mean programming errors are all seen in the
products, and need not be known.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from crossbar.array import CrossbarArray
from crossbar.array.operation_units import driven_units
from crossbar.array.programming import parallel_rows, read_transfer
from crossbar.compensation.weight_cells import WeightCells, weight_cells
from crossbar.conversion import named_analog_layers
from devices import Device, conductance_at, read_noise_variance
from devices.arguments import checked
from devices.randomness import generator_of, standard_normal
from devices.validation import (
    FieldValueError,
    check_choice,
    check_finite,
    check_integer,
    check_nonnegative,
    check_positive,
)

_VARIABLES = {
    "pulses": ("write pulses, first programming included", "1"),
    "reads": ("reads of an array: input vectors, both polarities counted", "1"),
    "rounds": ("rounds of reads and pulses", "1"),
    "signal": ("signal that is kept", "1"),
    "error_first": ("rms error of the weight after the first programming, relative to it, after the best gain", "1"),
    "error": ("rms error of the weight, relative to it", "1"),
}


@dataclass(frozen=True, kw_only=True)
class ProductProgramming:
    """How cells are programmed by what is read.

    Parameters
    ----------
    read
        What is read between pulses: products with known patterns (behind the wires), or each cell by itself (as if
        there were none), as in write-verify.
    rounds
        Rounds of reads and pulses at the most.
    patterns
        Random patterns of +-1 read in each round; None: twice as many as an array has word lines.
    acceptance
        Error of a cell from which on it gets a pulse, in standard deviations of its programming error.
    step
        Share of the error that goes into the next target of a cell.
    headroom
        Signal that is kept, over what the arrays give before.
    pulses_per_cell
        Mean number of pulses after which to stop, first programming included; None: no limit.
    patience
        Rounds without a product error that falls by 1 %, after which to stop.
    """

    read: Literal["products", "cells"] = "products"
    rounds: int = 25
    patterns: int | None = None
    acceptance: float = 1.0
    step: float = 0.5
    headroom: float = 0.85
    pulses_per_cell: float | None = None
    patience: int = 3

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        check_choice("read", self.read, ("products", "cells"))
        check_integer("rounds", self.rounds, at_least=0)
        if self.patterns is not None:
            check_integer("patterns", self.patterns, at_least=1)
        check_nonnegative("acceptance", self.acceptance)
        for name in ("step", "headroom"):
            check_finite(name, getattr(self, name))
            if not 0 < getattr(self, name) <= 1:
                raise FieldValueError(f"`{name}` must lie in (0, 1]. Got {getattr(self, name)!r}.", name)
        if self.pulses_per_cell is not None:
            check_positive("pulses_per_cell", self.pulses_per_cell)
        check_integer("patience", self.patience, at_least=1)


@checked
@torch.no_grad()
def program_by_products(
    model: nn.Module,
    settings: ProductProgramming | None = None,
    *,
    generator: torch.Generator | None = None,
    seed: int | None = None,
) -> xr.Dataset:
    """Program every analog layer in a closed loop, without knowing its wires.

    Parameters
    ----------
    model
        Analog model; programmed anew. Its encoding must give every cell a partner of the other sign.
    settings
        What is read, and when a cell gets a pulse.
    generator
        Source of programming errors, read noise and patterns.
    seed
        In place of `generator`: the chip of `torch.Generator().manual_seed(seed)`.

    Returns
    -------
    xr.Dataset
        `pulses`, `reads`, `rounds`, `signal`, `error_first` and `error` over layer.

    Raises
    ------
    ValueError
        If a cell has no partner of the other sign, word lines are driven a few at a time, idle cells join groups of a
        convolution, or both `generator` and `seed` are given.
    """
    generator = generator_of(generator, seed)
    chosen = settings or ProductProgramming()
    layers = dict(named_analog_layers(model))
    counts = []
    for layer in layers.values():
        layer.program(generator=generator)
        counts.append(_Loop(layer.array, chosen, generator).run())
    return xr.Dataset(
        {
            name: ("layer", np.array([count[name] for count in counts]), {"long_name": text, "units": unit})
            for name, (text, unit) in _VARIABLES.items()
        },
        coords={"layer": list(layers)},
        attrs={"title": "programming by products"},
    )


class _Loop:
    """The closed loop on one layer."""

    def __init__(self, array: CrossbarArray, settings: ProductProgramming, generator: torch.Generator | None) -> None:
        self.array, self.settings, self.generator = array, settings, generator
        self.placement = array.placement
        self.sorted = weight_cells(self.placement)
        _require_pairs(array, self.sorted)
        self.step = array.config.device.window.span / self.sorted.top  # (slices,)
        self.asked = array.cells.target.clone()
        self.pulses = int(self.placement.used.sum())
        self.reads = 0

    def run(self) -> dict[str, float]:
        """Read and write until the error stops falling."""
        array, settings = self.array, self.settings
        gain = self._gain()
        first = self._error_of_weight(gain)
        signal = gain * settings.headroom if settings.read == "products" else 1.0
        budget = (settings.pulses_per_cell or float("inf")) * int(self.placement.used.sum())
        best, stale, rounds = float("inf"), 0, 0
        while rounds < settings.rounds and stale < settings.patience and self.pulses < budget:
            error = self._read_error(signal)
            size = float(error.square().mean().sqrt())
            stale = stale + 1 if size > 0.99 * best else 0
            best = min(best, size)
            self._write(error, signal)
            rounds += 1
        signal = signal if settings.read == "products" else self._gain()
        array.target = self.asked
        array.signal = torch.tensor(signal, dtype=self.asked.dtype, device=self.asked.device)
        array.set_time(0.0)
        figures = {"rounds": rounds, "signal": signal, "error_first": first, "error": self._error_of_weight(signal)}
        return {"pulses": self.pulses, "reads": self.reads, **figures}

    def _read_error(self, signal: float) -> Tensor:
        """Return the error of each pair of cells as it is read [S], (blocks, slices, inputs, outputs)."""
        wanted = self.sorted.digit * self.step[:, None, None]
        if self.settings.read == "cells":
            cells = self.sorted.collect(self._noisy(self._conductance()))
            return cells[:, :, 0] - cells[:, :, 1] - wanted
        transfer = read_transfer(self.placement, self.array.config, self._conductance())
        error = transfer - self.sorted.spread(self._shared(signal * wanted), transfer)
        measured = self.sorted.collect(self._through_patterns(error))
        return measured[:, :, 0] - measured[:, :, 1]

    def _shared(self, wanted: Tensor) -> Tensor:
        """Give the positive cell what is wanted of a pair."""
        return torch.stack([wanted, torch.zeros_like(wanted)], 2)

    def _through_patterns(self, error: Tensor) -> Tensor:
        """Return what random patterns of +-1 tell of an error of transfer matrices, (tiles, rows, cols)."""
        tiles, rows, _ = error.shape
        patterns = self.settings.patterns or 2 * rows
        signs = torch.randint(0, 2, (patterns, rows), generator=self.generator, device=_home(error, self.generator))
        drive = (2 * signs - 1).to(error)
        products = drive @ error  # (tiles, patterns, cols)
        spread = self._product_noise()
        if spread is not None:
            products = products + spread[:, None, :] * standard_normal(products, generator=self.generator)
        self.reads += 2 * patterns * tiles
        # The best linear estimate where all errors are alike: each is seen through those of the other word lines.
        return drive.mT @ products / (patterns + rows)

    def _product_noise(self) -> Tensor | None:
        """Return the standard deviation that fresh read noise adds to a product with +-1, (tiles, cols)."""
        cells, device = self.array.cells, self.array.config.device
        variance = read_noise_variance(device, cells.programmed, cells, 0.0)
        return None if variance is None else (variance * self.placement.used).sum(1).sqrt()

    def _noisy(self, conductance: Tensor) -> Tensor:
        """Return conductances as cells are read one by one."""
        self.reads += int(self.placement.used.sum())
        variance = read_noise_variance(self.array.config.device, conductance, self.array.cells, 0.0)
        if variance is None:
            return conductance
        return conductance + variance.sqrt() * standard_normal(conductance, generator=self.generator)

    def _conductance(self) -> Tensor:
        """Return the present conductances [S], (tiles, rows, cols)."""
        cells = replace(self.array.cells, target=self.asked)
        return conductance_at(self.array.config.device, cells, 0.0).masked_fill(~self.placement.used, 0)

    def _write(self, error: Tensor, signal: float) -> None:
        """Give the cells that are furthest off a pulse towards a target that is moved against their error."""
        device, array = self.array.config.device, self.array
        asked = self.sorted.collect(self.asked)
        move = -error / signal
        spread = self.sorted.collect(device.programming.sigma(self.asked, device.window)).amax(2)
        due = move.abs() > (self.settings.acceptance * spread).clamp(min=1e-3 * device.window.span)
        # A cell that is read by itself has the right target and was only missed.
        share = self.settings.step if self.settings.read == "products" else 0.0
        moved = _moved(asked, share * move * due, device)
        before = self.asked
        self.asked = self.sorted.spread(moved, before)
        hit = self.sorted.spread(_carriers(asked, moved, due), before) > 0
        fresh = device.programming.apply(self.asked, device.window, generator=self.generator)
        held = array.cells.stuck
        if held is not None:
            fresh = torch.where(held, array.cells.programmed, fresh)
        array.programmed = torch.where(hit, fresh, array.cells.programmed)
        self.pulses += int(hit.sum())

    def _gain(self) -> float:
        """Return the best gain of the weight that the arrays act as."""
        ideal, real = self._weights()
        return float((real * ideal).sum() / ideal.square().sum().clamp(min=1e-30))

    def _error_of_weight(self, gain: float) -> float:
        """Return the rms error of the weight over a gain, relative to it."""
        ideal, real = self._weights()
        return float((real / gain - ideal).norm() / ideal.norm().clamp(min=1e-30))

    def _weights(self) -> tuple[Tensor, Tensor]:
        transfer = self.sorted.collect(read_transfer(self.placement, self.array.config, self._conductance()))
        worth = self.sorted.unit / self.step
        real = torch.einsum("bsio,s->bio", transfer[:, :, 0] - transfer[:, :, 1], worth)
        return self.sorted.code, real


def _moved(asked: Tensor, move: Tensor, device: Device) -> Tensor:
    """Move pairs of targets (blocks, slices, signs, inputs, outputs) by a difference: the carrying cell first."""
    positive, negative = asked.unbind(2)
    carries = positive >= negative
    first = torch.where(carries, positive + move, negative - move)
    kept = first.clamp(device.g_min, device.g_max)
    second = torch.where(carries, negative, positive) - (first - kept)
    second = second.clamp(device.g_min, device.g_max)
    return torch.stack([torch.where(carries, kept, second), torch.where(carries, second, kept)], 2)


def _carriers(before: Tensor, after: Tensor, due: Tensor) -> Tensor:
    """Return 1 for the cells that get a pulse: where one is due, those that move, and at least the carrying one."""
    carries = before == before.amax(2, keepdim=True)
    return ((before != after) | carries).to(before.dtype) * due[:, :, None]


def _require_pairs(array: CrossbarArray, cells: WeightCells) -> None:
    """Raise unless every cell has a partner, and all word lines of an array are driven at a time."""
    if not bool((cells.exists[:, :, 0] == cells.exists[:, :, 1]).all()):
        raise ValueError(
            "Programming by products needs a partner of the other sign for every cell: encoding='differential' without "
            f"released or merged columns. Got {array.config.mapping!r}."
        )
    if array.placement.crossed_groups > 1:
        raise ValueError(
            "Programming by products cannot tell groups of a convolution apart that idle cells join. Got "
            "mapping.group_packing='g_min'. Use group_packing='absent' or 'none'."
        )
    if parallel_rows(array.placement, array.config) is not None:
        units = int(driven_units(array.placement, array.config.parallel_rows or 1).sum())
        raise ValueError(
            f"Programming by products reads whole arrays. Got parallel_rows={array.config.parallel_rows} ({units} units). "
            "Use parallel_rows=None while programming."
        )


def _home(like: Tensor, generator: torch.Generator | None) -> torch.device:
    return like.device if generator is None else generator.device
