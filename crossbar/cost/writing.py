"""What programming a chip takes: pulses, energy and time, once or at every switch of task."""

from collections.abc import Mapping

import xarray as xr
from torch import nn

from crossbar.conversion import analog_layers, named_analog_layers
from crossbar.cost.architecture import Architecture
from devices import WriteVerifyProgramming
from devices.arguments import checked
from devices.programming.base import AbstractProgrammingError
from devices.validation import check_positive


@checked
def write_cost(
    model: nn.Module, architecture: Architecture, *, pulses_per_cell: float | Mapping[str, float] | None = None
) -> xr.Dataset:
    """Return what programming every cell of a programmed model takes.

    Every pulse is followed by a read that verifies it. A network rewritten at each switch of task takes this per switch.

    Parameters
    ----------
    model
        A programmed model.
    architecture
        The chip; its `write_pulse` and `write_verify` give energy and time of one of each.
    pulses_per_cell
        Mean pulses of a cell, for all layers or by layer name: what a closed loop counted. Default: the closed form of
        `WriteVerifyProgramming`, `1 / erf(acceptance / (spread sqrt 2))`, and otherwise what the architecture publishes.

    Returns
    -------
    xr.Dataset
        Over layer: `cells`, `pulses` [1], `energy` [J], `time` [s] with all arrays at once, `time_one_by_one` [s] array
        after array; NaN where the architecture does not give it, which the attribute `not_modelled` names.

    Raises
    ------
    ValueError
        If the model has no analog layer, or nothing says how many pulses a cell takes.
    RuntimeError
        If a layer is not programmed.
    """
    analog_layers(model)
    layers = dict(named_analog_layers(model))
    a = architecture
    if isinstance(pulses_per_cell, Mapping) and set(pulses_per_cell) != set(layers):
        raise ValueError(f"`pulses_per_cell` must name every layer: {list(layers)}. Got {list(pulses_per_cell)}.")
    pulse_energy, pulse_time = (
        _sum(a.write_pulse.energy, a.write_verify.energy),
        _sum(a.write_pulse.latency, a.write_verify.latency),
    )
    rows = []
    for name, layer in layers.items():
        given = pulses_per_cell[name] if isinstance(pulses_per_cell, Mapping) else pulses_per_cell
        mean = _mean_pulses(given, layer.array.config.device.programming, a)
        per_array = layer.array.placement.present.sum((1, 2)).tolist()
        cells, largest = sum(per_array), max(per_array, default=0)
        time = mean * pulse_time / a.cells_written_at_a_time
        rows.append((cells, cells * mean, cells * mean * pulse_energy, largest * time, cells * time))
    names = {"cells": "1", "pulses": "1", "energy": "J", "time": "s", "time_one_by_one": "s"}
    data = {name: ("layer", [row[place] for row in rows], {"units": names[name]}) for place, name in enumerate(names)}
    parts = ("write_pulse", "write_verify")
    return xr.Dataset(
        data,
        coords={"layer": list(layers)},
        attrs={
            "title": f"programming on {a.name}",
            "sources": [f"{part}: {getattr(a, part).source}" for part in parts],
            "not_modelled": [part for part in parts if getattr(a, part).energy is None],
        },
    )


def _mean_pulses(given: float | None, programming: AbstractProgrammingError, architecture: Architecture) -> float:
    if given is not None:
        check_positive("pulses_per_cell", given)
        return float(given)
    if isinstance(programming, WriteVerifyProgramming):
        return programming.mean_pulses
    if architecture.write_pulses_per_cell is not None:
        return architecture.write_pulses_per_cell
    raise ValueError(
        f"Nothing says how many pulses a cell takes: {type(programming).__name__} has no loop and {architecture.name} "
        "publishes no number. Give `pulses_per_cell`, or the device WriteVerifyProgramming(...)."
    )


def _sum(first: float | None, second: float | None) -> float:
    return float("nan") if first is None or second is None else first + second
