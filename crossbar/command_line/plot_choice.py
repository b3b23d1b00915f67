"""What a picture of results shows where its user leaves it open."""

from dataclasses import dataclass

import xarray as xr

from crossbar.plots.data import SPREAD_DIMENSIONS, is_numeric

_MOST_LINES = 7
"""More lines than this share colours and cannot be told apart."""
_UNITS = {
    "time": "s",
    "row": "ohm",
    "column": "ohm",
    "driver": "ohm",
    "sense": "ohm",
    "g_min": "S",
    "g_max": "S",
    "read_voltage": "V",
    "weight_bits": "bit",
    "cell_bits": "bit",
    "dac_bits": "bit",
    "bits": "bit",
}
"""Units of config fields by the last part of their dotted names, for axes that give none."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One picture."""

    results: xr.Dataset
    """The results with one value chosen of every axis that is not shown."""
    variable: str
    """What is shown."""
    x: str
    """Axis along x."""
    lines: str | None
    """Axis with a line for each value."""
    y: str | None
    """Axis along y of a heat map."""
    said: str
    """The choice in words."""


def choose(results: xr.Dataset, *, variable: str | None, x: str | None, lines: str | None, y: str | None) -> Choice:
    """Return what to show, every axis that is left open chosen.

    Raises
    ------
    ValueError
        If an option names what is not there.
    """
    variables = [str(name) for name in results.data_vars if set(results[name].dims) - set(SPREAD_DIMENSIONS)]
    variables = variables or [str(name) for name in results.data_vars]
    shown = _one_of("--variable", variable, variables) or variables[0]
    results = with_units(results)
    free = [str(name) for name in results[shown].dims if name not in SPREAD_DIMENSIONS]
    if not free:
        # A study without axes is a single point; it still has a place and a spread.
        results, free = results.expand_dims(point=["the only point"]), ["point"]
    several = [name for name in free if results.sizes[name] > 1]
    asked = {"--x": x, "--lines": lines, "--y": y}
    for option, name in asked.items():
        _one_of(option, name, free)
    given = [name for name in asked.values() if name is not None]
    if len(set(given)) != len(given):
        raise ValueError(f"--x, --lines and --y must name different axes. Got {', '.join(given)}.")
    left = [name for name in several if name not in given]
    if x is None:
        places = [name for name in free if name not in given]
        if not places:
            raise ValueError("--x must have an axis of its own; --lines and --y take all there are.")
        x = next((name for name in left if is_numeric(results[name])), (left or places)[0])
    left = [name for name in left if name != x]
    if lines is None and y is None:
        lines = next((name for name in left if results.sizes[name] <= _MOST_LINES), None)
    left = [name for name in left if name != lines]
    said = [f"{shown} over {x}", *([f"a line for each {lines}"] if lines else []), *([f"and {y}"] if y else [])]
    for name in left:
        values = results[name].values.tolist()
        said.append(f"at {name}={values[0]} (--select {name}=VALUE for {', '.join(map(str, values[1:]))})")
    others = [name for name in variables if name != shown]
    if others and variable is None:
        said.append(f"--variable for {', '.join(others)}")
    chosen = results.isel(dict.fromkeys(left, 0))
    return Choice(results=chosen, variable=shown, x=x, lines=lines, y=y, said="; ".join(said))


def with_units(results: xr.Dataset) -> xr.Dataset:
    """Return the results with the units of axes that are config fields, where they have none."""
    results = results.copy()
    for name in map(str, results.coords):
        unit = _UNITS.get(name.rpartition(".")[2], "")
        if unit and not results[name].attrs.get("units") and is_numeric(results[name]):
            results[name].attrs["units"] = unit
    return results


def _one_of(option: str, name: str | None, known: list[str]) -> str | None:
    if name is not None and name not in known:
        raise ValueError(f"{option} must be one of {', '.join(known)}. Got {name!r}.")
    return name
