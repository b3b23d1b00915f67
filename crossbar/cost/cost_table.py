"""A cost report as text."""

import math

import xarray as xr

from devices.arguments import checked

_SHOWN = ("energy_per_inference", "latency", "interval", "total_area", "operations_per_joule", "energy_delay")
_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P"}


@checked
def cost_table(cost: xr.Dataset) -> str:
    """Return a report of `cost_report` as text: a line per layer, one per part of the chip, the totals and their limits.

    Two digits are shown, which is more than such numbers are good for.
    """
    width = max(len(str(name)) for name in (*cost.layer.values, *cost.component.values, "all layers"))
    heads = ("energy", "of which ADC", "array", "busy", "arrays", "area")
    lines = [f"{cost.attrs['title']}, {cost.attrs['node'] * 1e9:g} nm", "", _line("layer", heads, width)]
    for name in cost.layer.values.tolist():
        at = cost.sel(layer=name)
        energy = at.energy.sum()
        cells = (
            _quantity(float(energy), "J"),
            _share(float(at.energy.sel(component="adc")), float(energy)),
            _share(float(at.energy.sel(component="array")), float(energy)),
            _quantity(float(at.busy), "s"),
            f"{int(at.arrays)}",
            _area(float(at.area.sum())),
        )
        lines.append(_line(name, cells, width))
    lines += ["", _line("part", ("energy", "share", "area"), width)]
    total = float(cost.component_energy.sum())
    for name in cost.component.values.tolist():
        at = cost.sel(component=name)
        if float(at.events.sum()) or float(at.area.sum()):
            energy = float(at.component_energy)
            area = float("nan") if name in cost.attrs["area_not_modelled"] else float(at.area.sum())
            lines.append(_line(name, (_quantity(energy, "J"), _share(energy, total), _area(area)), width))
    lines.append("")
    for name in _SHOWN:
        value, text = float(cost[name]), cost[name].attrs["long_name"]
        shown = _area(value) if name == "total_area" else _quantity(value, cost[name].attrs["units"])
        lines.append(f"{text}: {shown}")
    missing = cost.attrs["not_modelled"]
    lines += ["", f"not modelled, and not in the totals: {', '.join(missing) if missing else 'nothing'}"]
    lines += [f"assumed: {text}" for text in cost.attrs["assumptions"]]
    return "\n".join([*lines, *cost.attrs["limits"]]) + "\n"


def _line(first: str, cells: tuple[str, ...], width: int) -> str:
    return f"{first:<{width}}" + "".join(f"{cell:>14}" for cell in cells)


def _share(part: float, whole: float) -> str:
    return "-" if math.isnan(part) or not whole else f"{part / whole:.0%}"


def _area(value: float) -> str:
    return "-" if math.isnan(value) else f"{value * 1e6:.2g} mm2"


def _quantity(value: float, units: str) -> str:
    """Return a number with an SI prefix and two digits."""
    if math.isnan(value):
        return "-"
    if value == 0:
        return f"0 {units}"
    power = max(-15, min(15, 3 * math.floor((math.log10(abs(value)) + 1e-9) / 3)))
    scaled = value / 10.0**power
    digits = f"{scaled:.1f}" if scaled < 10 else f"{scaled:.0f}"
    return f"{digits} {_PREFIXES[power]}{units.removeprefix('1') if units.startswith('1/') else units}"
