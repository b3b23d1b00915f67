"""What switching tasks costs on crossbars: thresholds, arrays of their own, and arrays rewritten at each switch."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
import xarray as xr

from calibration.mime.attach import named_thresholds
from calibration.mime.task import installed
from calibration.mime.task_bank import TaskBank
from crossbar.conversion import named_analog_layers
from crossbar.cost import Architecture, cost_report, count_events, write_cost
from devices.arguments import checked

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
    if len(batches) < 2:
        raise ValueError(f"`batches` must name at least two tasks that take turns. Got {list(batches)}.")
    sites = dict(named_thresholds(bank.model))
    relu = {name: torch.zeros_like(site.threshold) for name, site in sites.items()}
    exact, active = architecture.array_energy == "exact", bank.active
    reports: dict[str, list[xr.Dataset]] = {"thresholds": [], "relu": []}
    try:
        for task, data in batches.items():
            bank.switch(task)
            items = list(data)
            for kind, values in (("thresholds", {}), ("relu", relu)):
                with installed(bank.model, values):
                    counts = count_events(bank.model, items, array_energy=exact)
                reports[kind].append(cost_report(counts, architecture))
    finally:
        bank.switch(active)
    written = write_cost(bank.model, architecture, pulses_per_cell=pulses_per_cell)
    bits = max(layer.array.config.inputs.bits or 0 for _, layer in named_analog_layers(bank.model))
    numbers = sum(site.threshold.numel() for site in sites.values())
    fetch = float("nan") if architecture.buffer.energy is None else numbers * bits * architecture.buffer.energy
    mean = {
        (kind, name): sum(float(one[name]) for one in many) / len(many)
        for kind, many in reports.items()
        for name in ("energy_per_inference", "latency", "total_area")
    }
    read_relu, area = mean["relu", "energy_per_inference"], mean["relu", "total_area"]
    columns = {
        "read_energy": [mean["thresholds", "energy_per_inference"] + fetch, read_relu, read_relu],
        "write_energy": [0.0, 0.0, float(written.energy.sum(skipna=False))],
        "area": [area, area * len(batches), area],
        "latency": [mean["thresholds", "latency"], *[mean["relu", "latency"]] * 2],
        "write_time": [0.0, 0.0, float(written.time.max(skipna=False))],
    }
    units = {"area": "m2", "latency": "s", "write_time": "s"}
    data = xr.Dataset(
        {name: ("scheme", values, {"units": units.get(name, "J")}) for name, values in columns.items()},
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
