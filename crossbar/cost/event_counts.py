"""The public verb that counts: exact events of real batches on the programmed chip."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from crossbar.array.block_counts import BlockCounts, count_blocks
from crossbar.array.operation_units import driven_units, units_per_tile
from crossbar.array.programming import parallel_rows
from crossbar.batches import batch_size, call_model, model_device
from crossbar.conversion import analog_layers, named_analog_layers
from crossbar.cost.array_energy import PARTS, ArrayPower, array_power, block_of_tile
from crossbar.cost.digital_operations import digital_operations
from crossbar.cost.events import DIGITAL, EVENTS
from crossbar.cost.schedule import convolution_fill
from crossbar.layers import AbstractAnalogLayer
from devices.arguments import checked

_PER_LAYER = {
    "vectors": "input vectors",
    "steps": "cycles of the array with the most, its operation units one after the other",
    "steps_needed": "of those, cycles in which the array has a pulse",
    "arrays": "arrays of one copy of the weights",
    "cells": "cells that hold a bit of a weight",
    "rows": "word lines of an array",
    "cols": "bit lines of an array",
    "adc_bits": "resolution of the converters, 0 for none",
    "pulse_bits": "bits of one pulse",
    "magnitude_bits": "those without a sign",
    "input_bits": "bits of an input code",
    "weight_bits": "bits of a weight, its sign included",
    "macs": "multiply-adds of the ideal layer",
}


@checked
def count_events(
    model: nn.Module, batches: Iterable[Any] | Tensor, *, array_energy: bool = True, split_array_energy: bool = False
) -> xr.Dataset:
    """Run a programmed model over data and count everything that its chip does, exactly.

    The counts depend on chip and data only: `cost_report` prices them on any architecture, without another read.

    Parameters
    ----------
    model
        A programmed model; it is run in eval mode, as by hand.
    batches
        Inputs: tensors, tuples whose first item is the input, or mappings; or one tensor for a single batch.
    array_energy
        Count second moments of the pulses, and from them the exact power of all reads in cells and wires.
    split_array_energy
        Also say where it goes: cells, word lines, bit lines, driver, sense.

    Returns
    -------
    xr.Dataset
        Over (layer, event): `events` with nothing skipped and `events_needed` with idle word lines and idle arrays left
        out, whole numbers over all batches; the events are those of `crossbar.cost.events.EVENTS`. Over layer:
        `array_power` [W], the sum of the power of all reads, to be multiplied with the time of a pulse, with its bracket
        `array_power_low` and `array_power_high`; NaN if not asked for or without input codes; `array_power_parts` (layer,
        part) where asked for; `read_voltage` [V], `fill` (share of the layer before that is needed to begin) and whole
        numbers: vectors, steps, arrays, bits and shapes. `inferences`: samples. The last layer, "(digital)", is all that
        is not on crossbars; its operations are counted on the digital twin.

    Raises
    ------
    ValueError
        If the model has no analog layer, or there is no batch.
    RuntimeError
        If a layer is not programmed.
    """
    analog_layers(model)
    tallies = {name: _Tally(layer, moments=array_energy) for name, layer in named_analog_layers(model)}
    items = [batches] if isinstance(batches, Tensor) else batches
    number, first = _run(model, items, tallies)
    names, events = [*tallies, DIGITAL], list(EVENTS)
    digital = digital_operations(model, first)
    tables = np.zeros((2, len(names), len(events)), dtype=np.int64)
    for place, tally in enumerate(tallies.values()):
        for table, counted in zip(tables, tally.events(), strict=True):
            table[place] = [counted.get(event, 0) for event in events]
    tables[:, -1] = [digital.get(event, 0) * number for event in events]
    numbers = [tally.numbers() for tally in tallies.values()]
    layer_numbers = {name: [*(own[name] for own in numbers), 0] for name in _PER_LAYER}
    data: dict[str, Any] = {
        "events": (("layer", "event"), tables[0], {"units": "1", "long_name": "events, nothing skipped"}),
        "events_needed": (("layer", "event"), tables[1], {"units": "1", "long_name": "events, idle ones skipped"}),
        **{
            name: ("layer", layer_numbers[name], {"units": "1", "long_name": text}) for name, text in _PER_LAYER.items()
        },
        "fill": ("layer", [*(tally.fill for tally in tallies.values()), 1.0], {"units": "1"}),
        "read_voltage": (
            "layer",
            [*(tally.layer.array.config.inputs.read_voltage for tally in tallies.values()), np.nan],
            {"units": "V"},
        ),
        "inferences": ((), number, {"units": "1", "long_name": "samples"}),
    }
    _add_power(data, [tally.power(split=split_array_energy) for tally in tallies.values()])
    coords: dict[str, Any] = {"layer": names, "event": events}
    if split_array_energy:
        coords["part"] = list(PARTS)
    return xr.Dataset(data, coords=coords, attrs={"title": "events", "event_names": [*EVENTS.values()]})


def _add_power(data: dict[str, Any], power: list[ArrayPower]) -> None:
    """Add what arrays dissipate, layer by layer; the digital part has none."""
    for name, field in (("array_power", "total"), ("array_power_low", "low"), ("array_power_high", "high")):
        data[name] = ("layer", [*(getattr(one, field) for one in power), 0.0], {"units": "W"})
    if any(one.parts is not None for one in power):
        parts = [[(one.parts or {}).get(part, np.nan) for part in PARTS] for one in power]
        data["array_power_parts"] = (("layer", "part"), [*parts, [0.0] * len(PARTS)], {"units": "W"})


@torch.no_grad()
def _run(model: nn.Module, batches: Iterable[Any], tallies: "dict[str, _Tally]") -> tuple[int, Any]:
    """Run the model, counting; return the number of samples and the first batch."""
    device, number, first = model_device(model), 0, None
    with ExitStack() as stack:
        for module in model.modules():
            stack.callback(setattr, module, "training", module.training)
        model.eval()
        for name, layer in named_analog_layers(model):
            layer.array.require_programmed()
            stack.callback(layer.register_forward_pre_hook(tallies[name].hook()).remove)
        for batch in batches:
            call_model(model, batch, device)
            number += batch_size(batch)
            first = batch if first is None else first
    if not number:
        raise ValueError("`batches` must hold at least one input. Got none; a generator can be used only once.")
    return number, first


@dataclass(kw_only=True)
class _Sizes:
    """Plain numbers of a layer's arrays."""

    used_rows: Tensor
    used_cells: Tensor
    conversions: Tensor
    tiles: Tensor
    partial_sums: int
    array_of_tile: Tensor
    block_of_tile: Tensor


class _Tally:
    """What is known of one layer."""

    def __init__(self, layer: AbstractAnalogLayer, *, moments: bool) -> None:
        self.layer = layer
        self.fill = 1.0
        self._moments = moments and layer.array.config.inputs.bits is not None
        self._counts: BlockCounts | None = None

    def hook(self) -> Callable[..., None]:
        """Return what counts one call of the layer."""

        def count(_module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            """Count one call."""
            x = arguments[0]
            kernel = getattr(self.layer, "kernel_size", None)
            if kernel is not None:
                self.fill = convolution_fill(size=x.shape[-len(kernel) :], kernel=kernel)
            codes = self.layer.input_codes(x)
            self._counts = count_blocks(self.layer.array, codes, self._counts, moments=self._moments)

        return count

    @property
    def counts(self) -> BlockCounts:
        """All that was counted; nothing for a layer that was never called."""
        if self._counts is None:
            inputs = self.layer.array.placement.inputs
            none = torch.zeros(0, inputs, device=self.layer.array.levels.device)
            self._counts = count_blocks(self.layer.array, none, moments=self._moments)
        return self._counts

    def power(self, *, split: bool) -> ArrayPower:
        """Return the power of all reads [W]."""
        if not self._moments:
            nan = float("nan")
            return ArrayPower(total=nan, low=nan, high=nan)
        inputs = self.layer.array.config.inputs
        power = array_power(self.layer.array, self.counts, split=split)
        unit = (inputs.read_voltage / (2 ** (inputs.pulse_bits or 1) - 1)) ** 2
        parts = None if power.parts is None else {name: value * unit for name, value in power.parts.items()}
        return ArrayPower(total=power.total * unit, low=power.low * unit, high=power.high * unit, parts=parts)

    @cached_property
    def _sizes(self) -> _Sizes:
        array = self.layer.array
        read, found = array.read_placement, array.conversions()
        block, blocks = block_of_tile(read, array), len(found.block_tile)
        cells = torch.zeros(blocks, dtype=torch.int64, device=block.device)
        cells.index_add_(0, block, read.present.sum((1, 2)))
        at_once = parallel_rows(array.placement, array.config)
        tile = torch.arange(array.placement.tiles, device=block.device)
        if at_once is not None:
            units = units_per_tile(array.placement, at_once)
            tile = tile.repeat_interleave(units)[driven_units(array.placement, at_once)]
        fed = torch.stack([found.block, found.output])
        return _Sizes(
            used_rows=(read.row_index[found.block_tile] >= 0).sum(1),
            used_cells=cells,
            conversions=found.per_block(),
            tiles=found.block_tiles,
            partial_sums=int(torch.unique(fed, dim=1).shape[1]),
            array_of_tile=tile,
            block_of_tile=block,
        )

    def events(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return the events with nothing and with all that is idle skipped."""
        sizes, counts = self._sizes, self.counts
        inputs, placement = self.layer.array.config.inputs, self.layer.array.placement
        bits = inputs.bits or 0
        same = {
            "input_bits": int(sizes.used_rows.sum()) * counts.vectors * bits,
            "output_bits": placement.outputs * counts.vectors * bits,
            "partial_sums": sizes.partial_sums * counts.reads,
        }
        per_cycle = {
            "row_cycles": sizes.used_rows * sizes.tiles,
            "array_reads": sizes.tiles,
            "cell_reads": sizes.used_cells,
            "conversions": sizes.conversions,
        }
        every = {name: int((counts.cycles * number).sum()) for name, number in per_cycle.items()}
        needed = {name: int((counts.active * number).sum()) for name, number in per_cycle.items()}
        needed["row_cycles"] = int((counts.pulses * sizes.tiles).sum())
        return every | same, needed | same

    def numbers(self) -> dict[str, int]:
        """Return plain numbers of the layer."""
        array, sizes, counts = self.layer.array, self._sizes, self.counts
        placement, config = array.placement, array.config
        pulse_bits = config.inputs.pulse_bits or 1
        signed = config.inputs.negative == "bipolar" and pulse_bits == config.inputs.bits and pulse_bits > 1
        rows, cols = placement.array_shape
        return {
            "vectors": counts.vectors,
            "steps": _of_slowest(sizes, counts.cycles),
            "steps_needed": _of_slowest(sizes, counts.active),
            "arrays": placement.tiles,
            "cells": int(placement.present.sum()),
            "rows": rows,
            "cols": cols,
            "adc_bits": 0 if config.adc is None else config.adc.bits,
            "pulse_bits": pulse_bits,
            "magnitude_bits": pulse_bits - int(signed),
            "input_bits": config.inputs.bits or 0,
            "weight_bits": config.mapping.weight_bits,
            "macs": counts.vectors * placement.inputs_per_group * placement.outputs,
        }


def _of_slowest(sizes: _Sizes, per_block: Tensor) -> int:
    """Return the largest sum over the operation units of an array."""
    own = per_block[sizes.block_of_tile]
    if not len(own):
        return 0
    sums = own.new_zeros(int(sizes.array_of_tile.max()) + 1).index_add_(0, sizes.array_of_tile, own)
    return int(sums.max())
