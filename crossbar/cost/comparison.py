"""Reports side by side, such as of one network mapped or trained in several ways."""

from collections.abc import Mapping

import xarray as xr

from devices.arguments import checked

_UNITS = {
    "arrays": "1",
    "conversions": "1",
    "cycles": "1",
    "energy": "J",
    "latency": "s",
    "interval": "s",
    "area": "m2",
    "energy_delay": "J s",
}


@checked
def compare_costs(costs: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Return the totals of reports over `variant`, and each over that of the first.

    Squeezing planes saves arrays but adds cycles: both stand here beside what they are worth together.

    Parameters
    ----------
    costs
        Reports of `cost_report` by name; the first is what the others are compared with.

    Returns
    -------
    xr.Dataset
        Over variant: `arrays`, `conversions` and `cycles` (array cycles one after the other) per inference, `energy` [J],
        `latency`, `interval` [s], `area` [m2], `energy_delay` [J s], and each again as `relative_...`. The attribute
        `not_modelled` lists the parts that a total lacks in any of them.

    Raises
    ------
    ValueError
        If there is no report, or reports lack the prices of different parts, so that totals do not compare.
    """
    if not costs:
        raise ValueError("`costs` must hold at least one report. Got none.")
    missing = {name: tuple(cost.attrs["not_modelled"]) for name, cost in costs.items()}
    if len({(cost.attrs["architecture"], missing[name]) for name, cost in costs.items()}) > 1:
        raise ValueError(
            "`costs` must be of one architecture and lack the same parts to be compared. "
            f"Got { {name: (cost.attrs['architecture'], *missing[name]) for name, cost in costs.items()} }."
        )
    rows = [_totals(cost) for cost in costs.values()]
    data = xr.Dataset(coords={"variant": list(costs)}, attrs={"not_modelled": list(next(iter(missing.values())))})
    for name, unit in _UNITS.items():
        values = [row[name] for row in rows]
        data[name] = ("variant", values, {"units": unit})
        first = values[0]
        data[f"relative_{name}"] = ("variant", [value / first for value in values], {"units": "1"})
    return data


def _totals(cost: xr.Dataset) -> dict[str, float]:
    return {
        "arrays": float(cost.arrays.sum()),
        "conversions": float(cost.events.sel(component="adc").sum()),
        "cycles": float(cost.cycles.sum()),
        "energy": float(cost.energy_per_inference),
        "latency": float(cost.latency),
        "interval": float(cost.interval),
        "area": float(cost.total_area),
        "energy_delay": float(cost.energy_delay),
    }
