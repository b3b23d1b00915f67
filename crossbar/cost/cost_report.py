"""Counts times prices: energy, latency and area of a network on an architecture."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import xarray as xr

from crossbar.cost.architecture import Architecture
from crossbar.cost.area import area_per_array, leakage_per_array
from crossbar.cost.component_events import PRICED, component_events, energy_of_event
from crossbar.cost.events import DIGITAL, EVENTS, IDLE_ROWS
from crossbar.cost.schedule import LayerLoad, Mode, Schedule, make_schedule
from devices.arguments import checked

LIMITS = (
    "First order: constants of published designs at peak, not a layout. About a factor of 2 for totals that converters "
    "dominate, 3 for arrays driven in voltage mode.",
    "Not counted: DRAM, chip-level links, control beyond what a source gives, clock tree, test, pads, supplies.",
    "A conversion's energy does not depend on its code; buffers read each input once per block of rows, nothing is reused.",
    "Cores and tiles are counted by the share of them that arrays take; branches of a network are timed as one chain.",
)


@checked
def cost_report(
    counts: xr.Dataset,
    architecture: Architecture,
    *,
    mode: Mode = "pipelined",
    duplication: Literal["none", "balanced"] | Mapping[str, int] = "none",
    arrays: int | None = None,
    area: float | None = None,
) -> xr.Dataset:
    """Price counted events on an architecture.

    Parameters
    ----------
    counts
        From `count_events`.
    architecture
        The chip, such as `architectures.ISAAC_2016`; `dataclasses.replace` changes any part of it.
    mode
        "pipelined", or "layer by layer".
    duplication, arrays, area
        Copies of weights, as in `make_schedule`: "none", by layer, or "balanced" within a budget.

    Returns
    -------
    xr.Dataset
        Over (layer, component): `energy` [J per inference], `events` [1 per inference], `area` [m2, copies included]; NaN
        where the source gives no number. Over layer: `busy`, `start`, `finish` [s], `copies`, `arrays`, `cycles`,
        `leakage_energy` [J], and `array_energy_low`, `array_energy_high` [J], which bracket the exact energy of the cells
        and wires. `component_energy` [J] over component, NaN where it is not modelled at all.
        Scalars: `energy_per_inference` [J], `latency`, `interval` [s], `throughput` [1/s], `total_area` [m2],
        `operations` (2 per multiply-add of the ideal layers), `operations_per_joule`, `operations_per_second_and_area`,
        `energy_delay` [J s], `utilization`. Attributes: `not_modelled`, `sources`, `limits`, and what was assumed.

    Raises
    ------
    ValueError
        If a converter lies outside its law, a layer has no converter, the array energy is asked for but not counted,
        or a budget is too small.
    """
    _check_counts(counts)
    a, inferences = architecture, float(counts.inferences)
    names = counts.layer.values.tolist()
    analog = [name for name in names if name != DIGITAL]
    layers = {name: counts.sel(layer=name) for name in names}
    tables = [_price_layer(name, layers[name], a, inferences) for name in names]
    events, energy, areas = (np.array([table[place] for table in tables]) for place in range(3))
    loads = [_load(name, layers[name], a, inferences, float(np.nansum(areas[names.index(name)]))) for name in analog]
    schedule = make_schedule(
        loads, mode=mode, duplication=duplication, arrays=arrays, area=area, pipeline_stages=a.pipeline_stages
    )
    copies = np.ones(len(names))
    copies[[names.index(name) for name in analog]] = schedule.copies
    data = xr.Dataset(
        {
            "energy": (("layer", "component"), energy, {"units": "J", "long_name": "energy per inference"}),
            "events": (("layer", "component"), events, {"units": "1", "long_name": "events per inference"}),
            "area": (("layer", "component"), areas * copies[:, None], {"units": "m2"}),
            "copies": ("layer", copies.astype(int), {"units": "1", "long_name": "copies of the weights"}),
        },
        coords={"layer": names, "component": list(PRICED)},
    )
    # A part without a price is not zero, though some layers never use it.
    known = data.energy.notnull().all("layer")
    data["component_energy"] = data.energy.sum("layer").where(known).assign_attrs(units="J")
    _add_times(data, schedule, analog)
    _add_leakage(data, layers, a, schedule.interval)
    _add_cycles_and_bracket(data, layers, a, inferences)
    _add_totals(data, counts, schedule, loads)
    data.attrs = _attributes(data, counts, a, mode, duplication)
    return data


def _price_layer(
    name: str, layer: xr.Dataset, a: Architecture, inferences: float
) -> tuple[list[float], list[float], list[float]]:
    """Return events and energy [J] per inference, and area [m2] of one copy, of every part in one layer."""
    acts = _acts(layer, _driven(layer, a), a)
    events = [acts[part] / inferences for part in PRICED]
    energy = [acts[part] / inferences * _price(layer, part, a) if acts[part] else 0.0 for part in PRICED]
    if name == DIGITAL:
        return events, energy, [0.0] * len(PRICED)
    _check_pulses(layer, a)
    if a.array_energy == "exact":
        energy[PRICED.index("array")] = _array_energy(layer, a) / inferences
    per_array = area_per_array(a, rows=_int(layer.rows), cols=_int(layer.cols), adc_bits=_adc_bits(layer))
    return events, energy, [per_array[part] * _int(layer.arrays) for part in PRICED]


@checked
def tops_per_watt(cost: xr.Dataset) -> float:
    """Return the operations per joule of a report in the unit of most papers, at the bits that it is stated for."""
    return float(cost.operations_per_joule) / 1e12


def _check_counts(counts: xr.Dataset) -> None:
    if "events_needed" not in counts:
        raise ValueError(f"`counts` must be what `count_events(model, batches)` returns. Got {list(counts.data_vars)}.")


def _driven(layer: xr.Dataset, a: Architecture) -> dict[str, float]:
    """Return the events of a layer that happen on this architecture, with what it skips left out."""
    events = {}
    for event in EVENTS:
        skipped = a.skip_idle == "arrays" or (a.skip_idle == "rows" and event in IDLE_ROWS)
        events[event] = float((layer.events_needed if skipped else layer.events).sel(event=event))
    return events


def _acts(layer: xr.Dataset, driven: dict[str, float], a: Architecture) -> dict[str, float]:
    return component_events(driven, a, pulse_bits=_int(layer.pulse_bits), magnitude_bits=_int(layer.magnitude_bits))


def _price(layer: xr.Dataset, part: str, a: Architecture) -> float:
    return energy_of_event(a, part, adc_bits=_adc_bits(layer) if part == "adc" else None)


def _adc_bits(layer: xr.Dataset) -> int:
    bits = _int(layer.adc_bits)
    if bits == 0:
        raise ValueError(
            f"Layer {str(layer.layer.values)!r} has no converter to price: its config has adc=None. Give it one: "
            "`CrossbarConfig(adc=ADC(bits=...))`; `lossless_bits` says which resolution loses nothing."
        )
    return bits


def _array_energy(layer: xr.Dataset, a: Architecture, bound: str = "") -> float:
    """Return the energy of all reads counted [J], from the conductances, or one side of its bracket."""
    power = float(layer[f"array_power_{bound}" if bound else "array_power"])
    if a.input_encoding != "amplitude":
        if bound:
            return float("nan")
        raise ValueError(
            f"`array_energy='exact'` needs pulses whose height carries the input. Got {a.input_encoding!r} of {a.name}. "
            "Use `dataclasses.replace(architecture, array_energy='published')`."
        )
    if np.isnan(power) and not bound:
        raise ValueError("`array_energy='exact'` needs counts with it: `count_events(..., array_energy=True)`.")
    supply = 1.0 if a.array_supply is None else a.array_supply / float(layer.read_voltage)
    return power * a.read_time * supply


def _check_pulses(layer: xr.Dataset, a: Architecture) -> None:
    """Refuse a price per width of a pulse for pulses of another width."""
    bits = _int(layer.pulse_bits)
    if a.input_encoding == "width" and bits != a.pulse_bits:
        raise ValueError(
            f"`inputs.dac_bits` must be {a.pulse_bits} for {a.name}, whose prices are of pulses of that many bits. "
            f"Got {bits}. Convert the model with such inputs."
        )


def _load(name: str, layer: xr.Dataset, a: Architecture, inferences: float, area: float) -> LayerLoad:
    bits, cols = _adc_bits(layer), _int(layer.cols)
    steps = _steps(layer, a)
    vectors = float(layer.vectors) / inferences
    extra = vectors * a.extra_cycles
    return LayerLoad(
        name=name,
        vectors=vectors,
        cycles=(steps / inferences + extra) / vectors if vectors else 0.0,
        cycle_time=a.cycle_time(magnitude_bits=_int(layer.magnitude_bits), adc_bits=bits, cols=cols),
        arrays=_int(layer.arrays),
        area=area,
        fill=float(layer.fill),
    )


def _steps(layer: xr.Dataset, a: Architecture) -> float:
    return float(layer.steps_needed if a.skip_idle == "arrays" else layer.steps)


def _add_times(data: xr.Dataset, schedule: Schedule, analog: list[str]) -> None:
    for name in ("busy", "start", "finish"):
        times = dict(zip(analog, getattr(schedule, name), strict=True))
        data[name] = ("layer", [times.get(layer, np.nan) for layer in data.layer.values], {"units": "s"})


def _add_cycles_and_bracket(
    data: xr.Dataset, layers: Mapping[str, xr.Dataset], a: Architecture, inferences: float
) -> None:
    names = data.layer.values.tolist()
    steps = [_steps(layers[name], a) / inferences for name in names]
    data["cycles"] = ("layer", steps, {"units": "1", "long_name": "cycles of the array with the most, per inference"})
    for bound in ("low", "high"):
        values = [_array_energy(layers[name], a, bound) / inferences if name != DIGITAL else 0.0 for name in names]
        data[f"array_energy_{bound}"] = ("layer", values, {"units": "J"})


def _add_leakage(data: xr.Dataset, layers: Mapping[str, xr.Dataset], a: Architecture, interval: float) -> None:
    """Add what the parts take at rest during one interval; 0 where their energy contains it."""
    power = {
        name: sum(leakage_per_array(a, rows=_int(layers[name].rows), cols=_int(layers[name].cols)).values())
        * _int(layers[name].arrays)
        for name in layers
        if name != DIGITAL
    }
    copies = data.copies.values
    values = [power.get(name, 0.0) * interval * copies[place] for place, name in enumerate(data.layer.values)]
    data["leakage_energy"] = ("layer", values, {"units": "J"})


def _add_totals(data: xr.Dataset, counts: xr.Dataset, schedule: Schedule, loads: list[LayerLoad]) -> None:
    operations = 2 * float(counts.macs.sum()) / float(counts.inferences)
    energy = float(data.energy.sum()) + float(data.leakage_energy.sum())
    area = float(data.area.sum())
    arrays = dict(zip([load.name for load in loads], [load.arrays for load in loads], strict=True))
    data["arrays"] = data.copies * xr.DataArray([arrays.get(n, 0) for n in data.layer.values], dims="layer")
    weights, inputs = (_range(counts[name]) for name in ("weight_bits", "input_bits"))
    bits = f"at {weights}-bit weights and {inputs}-bit inputs"
    totals: dict[str, tuple[float, str, str]] = {
        "energy_per_inference": (energy, "J", "energy per inference"),
        "latency": (schedule.latency, "s", "latency"),
        "interval": (schedule.interval, "s", "time from one inference to the next"),
        "throughput": (schedule.throughput, "1/s", "inferences per second"),
        "total_area": (area, "m2", "area"),
        "operations": (operations, "1", "operations per inference, 2 per multiply-add"),
        "operations_per_joule": (operations / energy, "1/J", f"operations per joule {bits}"),
        "operations_per_second_and_area": (
            operations / schedule.interval / area,
            "1/(s m2)",
            f"operations per second and area {bits}",
        ),
        "energy_delay": (energy * schedule.latency, "J s", "energy times latency"),
        "utilization": (schedule.utilization(loads), "1", "share of time in which arrays are read"),
    }
    for name, (value, units, text) in totals.items():
        data[name] = ((), value, {"units": units, "long_name": text})


def _attributes(
    data: xr.Dataset, counts: xr.Dataset, a: Architecture, mode: Mode, duplication: object
) -> dict[str, Any]:
    used = [part for part in PRICED if float(data.events.sel(component=part).sum()) > 0]
    missing = [part for part in used if bool(data.energy.sel(component=part).isnull().any())]
    no_area = [part for part in used if bool(data.area.sel(component=part).isnull().any())]
    sources = [f"adc: {a.adc.source}"]
    sources += [f"{part}: {getattr(a, part).source}" for part in used if part != "adc"]
    if a.array_energy == "exact":
        sources.append("array: exact, from programmed conductances, pulses and wires")
    assumed = [
        f"reads {mode}; duplication {duplication}; idle skipped: {a.skip_idle}",
        f"array energy {a.array_energy}, pulses of {a.read_time:g} s"
        + ("" if a.array_supply is None else f" from a supply of {a.array_supply:g} V"),
    ]
    return {
        "title": f"cost on {a.name}",
        "architecture": a.name,
        "node": a.node,
        "not_modelled": missing,
        "area_not_modelled": no_area,
        "sources": sources,
        "assumptions": assumed,
        "limits": list(LIMITS),
    }


def _range(values: xr.DataArray) -> str:
    present = sorted({int(value) for value in values.values if value})
    return "no" if not present else str(present[0]) if len(present) == 1 else f"{present[0]} to {present[-1]}"


def _int(value: xr.DataArray) -> int:
    return int(value)
