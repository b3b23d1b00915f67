"""Draw means with their spread along one axis."""

from typing import TYPE_CHECKING, Literal

import numpy as np

from crossbar.plots.data import average, is_numeric, spread_dimensions, tick_labels
from crossbar.plots.style import line_style, needs_prefix, tick_formatter

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

Spread = Literal["standard deviation", "quartiles", "range"]
"""What the band around a line covers."""
_MOST_TICKS = 7
# Between the bars of two lines over one name, whose places are 0, 1, 2 ...
_STEP = 0.08
SPREADS = ("standard deviation", "quartiles", "range")


def draw_line(axes: "Axes", array: "xr.DataArray", *, along: str, label: str, number: int, spread: Spread) -> None:
    """Draw the mean of `array` along one dimension, and its spread over trials and chips.

    Numbers along the axis are joined and the spread is a band; values without order stay apart and have bars.
    """
    array = array.sortby(along) if is_numeric(array[along]) else array
    middle = average(array).transpose(along)
    places = array[along].values if is_numeric(array[along]) else np.arange(array.sizes[along]) + _STEP * number
    style = line_style(number)
    joined = is_numeric(array[along]) and len(places) > 1
    if not joined:
        style["linestyle"] = "none"
    axes.plot(places, middle.values, label=label, zorder=3, **style)
    if any(array.sizes[name] > 1 for name in spread_dimensions(array)):
        low, high = _band(array, middle, spread)
        if joined:
            axes.fill_between(places, low, high, color=style["color"], alpha=0.2, linewidth=0, zorder=2)
        else:
            # The mean may lie outside the quartiles, and a bar cannot begin above it.
            bars = np.stack([middle.values - low, high - middle.values]).clip(min=0)
            axes.errorbar(places, middle.values, bars, fmt="none", ecolor=style["color"], elinewidth=1.0, capsize=2.5)


def mark_values(axes: "Axes", coordinate: "xr.DataArray", *, log: bool) -> None:
    """Scale the x axis, or give each value its name where values are no numbers.

    Raises
    ------
    ValueError
        If a logarithmic scale is asked of values that have none.
    """
    if not is_numeric(coordinate):
        if log:
            raise ValueError(f"`log` must be False for `{coordinate.name}`, whose values are not numbers.")
        axes.set_xticks(range(coordinate.size), tick_labels(coordinate))
        axes.margins(x=0.15)
        return
    if log and float(coordinate.min()) <= 0:
        raise ValueError(f"`log` must be False for `{coordinate.name}`, which has values <= 0.")
    if log:
        axes.set_xscale("log")
        if coordinate.size <= _MOST_TICKS:
            axes.set_xticks(coordinate.values)
            axes.set_xticks([], minor=True)
    if log or needs_prefix(coordinate):
        axes.xaxis.set_major_formatter(tick_formatter(coordinate))


def describe_spread(array: "xr.DataArray", spread: Spread) -> str:
    """Return in words what a band covers; empty where nothing scatters."""
    sizes = [f"{array.sizes[name]} {name}s" for name in spread_dimensions(array) if array.sizes[name] > 1]
    return f"mean and {spread}, {' x '.join(sizes)}" if sizes else ""


def _band(array: "xr.DataArray", middle: "xr.DataArray", spread: Spread) -> "tuple[np.ndarray, np.ndarray]":
    over = spread_dimensions(array)
    if spread == "range":
        return array.min(over).values, array.max(over).values
    if spread == "quartiles":
        return array.quantile(0.25, over).values, array.quantile(0.75, over).values
    deviation = array.std(over, ddof=1)
    return (middle - deviation).values, (middle + deviation).values
