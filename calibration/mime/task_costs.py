"""What switching tasks costs on crossbars: thresholds, arrays of their own, and arrays rewritten at each switch."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import xarray as xr
from torch import nn

from calibration.mime.attach import named_thresholds
from calibration.mime.in_turn import measure_in_turn
from calibration.mime.task_bank import TaskBank
from crossbar.conversion import named_analog_layers
from crossbar.cost import Architecture, cost_report, count_events, write_cost
from devices.arguments import checked

_UNITS = {"area": "m2", "latency": "s", "write_time": "s"}
_SCHEMES = ("thresholds", "separate arrays", "rewritten at each switch")


@checked
def task_costs(
    bank: TaskBank,
    batches: Mapping[str, Iterable[Any]],
    architecture: Architecture,
    *,
    pulses_per_cell: float | None = None,
) -> xr.Dataset:
    """Compare tasks by thresholds on one chip with two other ways, tasks taking turns input by input.

    - `thresholds`: one chip; a switch swaps thresholds, which are read from the buffer with every input (MIME).
    - `separate arrays`: a chip for every task, with ReLU; nothing is written.
    - `rewritten at each switch`: one chip, with ReLU; all its cells are written for every input.

    Parameters
    ----------
    bank
        Tasks on one programmed model.
    batches
        Inputs of each task by its name.
    architecture
        The chip. What thresholds save in reads follows from its `skip_idle`.
    pulses_per_cell
        As in `write_cost`.

    Returns
    -------
    xr.Dataset
        Over scheme: `read_energy` and `write_energy` [J per input], `energy` [J], their sum, `area` [m2], `latency` [s] of
        a read, `write_time` [s] before it, and `saving`, the energy over that of thresholds. NaN where the architecture
        gives no number, which the attribute `not_modelled` names.

    Raises
    ------
    ValueError
        If fewer than two tasks take turns, or nothing can be priced (see `cost_report`, `write_cost`).
    """
    exact = architecture.array_energy == "exact"

    def priced(model: nn.Module, items: list[Any]) -> xr.Dataset:
        """Count and price one task."""
        return cost_report(count_events(model, items, array_energy=exact), architecture)

    reports = measure_in_turn(bank, batches, priced)
    written = write_cost(bank.model, architecture, pulses_per_cell=pulses_per_cell)
    mean = {kind: _mean_totals(many) for kind, many in reports.items()}
    own, relu = mean["thresholds"], mean["relu"]
    columns = {
        "read_energy": [own.energy + _fetch_energy(bank, architecture), relu.energy, relu.energy],
        "write_energy": [0.0, 0.0, float(written.energy.sum(skipna=False))],
        "area": [relu.area, relu.area * len(batches), relu.area],
        "latency": [own.latency, relu.latency, relu.latency],
        "write_time": [0.0, 0.0, float(written.time.max(skipna=False))],
    }
    data = xr.Dataset(
        {name: ("scheme", values, {"units": _UNITS.get(name, "J")}) for name, values in columns.items()},
        coords={"scheme": list(_SCHEMES)},
        attrs={
            "title": f"switching {len(batches)} tasks on {architecture.name}",
            "not_modelled": sorted({*reports["relu"][0].attrs["not_modelled"], *written.attrs["not_modelled"]}),
            "limits": reports["relu"][0].attrs["limits"],
        },
    )
    data["energy"] = (data.read_energy + data.write_energy).assign_attrs(units="J")
    data["saving"] = (data.energy / data.energy.sel(scheme="thresholds", drop=True)).assign_attrs(units="1")
    return data


class _Totals(NamedTuple):
    """What an input takes on average over tasks."""

    energy: float
    latency: float
    area: float


def _mean_totals(reports: list[xr.Dataset]) -> _Totals:
    names = ("energy_per_inference", "latency", "total_area")
    return _Totals(*(sum(float(one[name]) for one in reports) / len(reports) for name in names))


def _fetch_energy(bank: TaskBank, architecture: Architecture) -> float:
    """Return the energy of reading all thresholds from the buffer, at the bits of the inputs [J]."""
    if architecture.buffer.energy is None:
        return float("nan")
    bits = max(layer.array.config.inputs.bits or 0 for _, layer in named_analog_layers(bank.model))
    return sum(site.threshold.numel() for _, site in named_thresholds(bank.model)) * bits * architecture.buffer.energy
