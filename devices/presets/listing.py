"""All presets in one table."""

import torch
import xarray as xr

from devices import presets
from devices.device import Device


def find_presets() -> dict[str, Device]:
    """Return every published device by the name it has in `devices`."""
    return {name: value for name, value in sorted(vars(presets).items()) if isinstance(value, Device)}


def list_presets() -> xr.Dataset:
    """Return all presets side by side, one entry of dimension `preset` each.

    Returns
    -------
    xarray.Dataset
        The window and what the source covers (`g_min`, `g_max` in S, `max_time` in s, `max_read_voltage` in V; NaN
        where it sets no bound), `levels` (0: continuous), the standard deviations of programming and of a read at half
        range (in S), the names of the effects, and the `source`.
    """
    found = find_presets()
    rows = [_row(device) for device in found.values()]
    table = xr.Dataset({key: ("preset", [row[key] for row in rows]) for key in rows[0]}, {"preset": list(found)})
    for name, units, long_name in (
        ("g_min", "S", "lowest programmable conductance"),
        ("g_max", "S", "highest programmable conductance"),
        ("programming_sigma", "S", "standard deviation of the programming error at half range"),
        ("read_sigma", "S", "standard deviation of a read at half range, 1 h after programming"),
        ("max_time", "s", "longest time since programming measured"),
        ("max_read_voltage", "V", "highest read voltage measured"),
        ("levels", "1", "conductance levels, 0: continuous"),
    ):
        table[name].attrs.update(units=units, long_name=long_name)
    return table


def _row(device: Device) -> dict[str, float | int | str]:
    half = torch.tensor([(device.g_min + device.g_max) / 2], dtype=torch.float64)
    noise, validity = device.read_noise, device.validity
    return {
        "name": device.name,
        "g_min": device.g_min,
        "g_max": device.g_max,
        "levels": device.levels or 0,
        "programming_sigma": float(device.programming.sigma(half, device.window)),
        "read_sigma": 0.0 if noise is None else float(noise.sigma(half, target=half, window=device.window, t=3600.0)),
        "max_time": float("nan") if validity is None or validity.max_time is None else validity.max_time,
        "max_read_voltage": (
            float("nan") if validity is None or validity.max_read_voltage is None else validity.max_read_voltage
        ),
        "programming": type(device.programming).__name__,
        "read_noise": "" if noise is None else f"{type(noise).__name__}, drawn per {noise.draw}",
        "drift": "" if device.drift is None else type(device.drift).__name__,
        "source": device.source,
    }
