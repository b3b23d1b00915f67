"""An output over two axes of a sweep."""

from typing import TYPE_CHECKING

import numpy as np

from crossbar.plots.data import average, is_numeric, pick_output, tick_labels, units
from crossbar.plots.style import (
    COLOUR_MAP,
    add_legend,
    label_axes,
    label_colour_bar,
    needs_prefix,
    new_figure,
    tick_formatter,
)
from devices.arguments import checked
from devices.validation import FieldValueError

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LARGEST_WRITTEN = 8
_LINE, _HALO = 1.4, 3.2
"""Widths of the contour [pt]: black on white, to be seen on every colour and on every grey."""


@checked
def plot_heat_map(
    dataset: "xr.Dataset", x: str, y: str, *, output: str | None = None, budget: float | None = None
) -> "Figure":
    """Plot the mean of an output over trials and chips as colours over two axes.

    Cells stand at equal distances, whatever their values, and have their number written in where there is room.
    Missing points are left white.

    Parameters
    ----------
    dataset
        Result of a sweep.
    x, y
        The two dimensions.
    output
        Variable to show; may be left out where there is one only.
    budget
        Value of the output that is asked for: its contour parts the points whose mean is at least this from the others.
        It follows the edges of cells, for nothing is known between two points.

    Returns
    -------
    matplotlib.figure.Figure
        3.3 inches wide; `save_figure` writes it.

    Raises
    ------
    ValueError
        If a name is unknown, or a further dimension has several values: choose one with `dataset.sel` first; or if
        `budget` parts no points, since all means lie on one side of it.
    ImportError
        If matplotlib is not installed.
    """
    array = average(pick_output(dataset, output, [x, y])).transpose(y, x)
    array = array.sortby([name for name in (x, y) if is_numeric(array[name])])
    rows, cols = array.shape
    figure, axes = new_figure(height=float(np.clip(0.9 + 0.28 * rows, 1.8, 4.0)))
    image = axes.imshow(array.values, origin="lower", aspect="auto", cmap=COLOUR_MAP, interpolation="nearest")
    axes.set_xticks(*_ticks(array[x], at_most=8))
    axes.set_yticks(*_ticks(array[y], at_most=12))
    label_axes(axes, x=array[x], y=array[y])
    bar = figure.colorbar(image, ax=axes, pad=0.02)
    label_colour_bar(bar, array)
    if budget is not None:
        _draw_budget(axes, array, budget)
        bar.ax.axhline(budget, color="w", linewidth=_HALO)
        bar.ax.axhline(budget, color="k", linewidth=_LINE)
    middle = (float(array.min()) + float(array.max())) / 2
    if max(rows, cols) <= _LARGEST_WRITTEN and not needs_prefix(array):
        for (row, col), value in np.ndenumerate(array.values):
            if np.isfinite(value):
                dark = value < middle
                axes.text(col, row, f"{value:#.3g}", ha="center", va="center", fontsize=6, color="w" if dark else "k")
    return figure


def _draw_budget(axes: "Axes", array: "xr.DataArray", budget: float) -> None:
    """Draw the edges between cells that reach the budget and cells that do not, and say in a legend what they are."""
    from matplotlib.collections import LineCollection

    edges = _edges(array.values, budget)
    if not edges:
        raise FieldValueError(
            f"`budget` must part the means that are shown, {float(array.min()):.4g} to {float(array.max()):.4g}. "
            f"Got {budget!r}.",
            "budget",
        )
    for colour, width in (("w", _HALO), ("k", _LINE)):
        axes.add_collection(
            LineCollection(edges, colors=colour, linewidths=width, capstyle="projecting"), autolim=False
        )
    value = f"{tick_formatter(array)(budget)}{units(array)}" if needs_prefix(array) else f"{budget:g} {units(array)}"
    axes.plot([], [], color="k", linewidth=_LINE, label=f"budget: {value.strip()}", scalex=False, scaley=False)
    add_legend(axes, "")


def _edges(values: np.ndarray, budget: float) -> list[list[tuple[float, float]]]:
    """Return the ends (x, y) of all edges between two cells, neither missing, of which one only reaches the budget."""
    reaches = np.where(np.isfinite(values), values >= budget, np.nan)  # (rows, cols)
    upright = np.argwhere(abs(np.diff(reaches, axis=1)) == 1)
    level = np.argwhere(abs(np.diff(reaches, axis=0)) == 1)
    return [[(col + 0.5, row - 0.5), (col + 0.5, row + 0.5)] for row, col in upright.tolist()] + [
        [(col - 0.5, row + 0.5), (col + 0.5, row + 0.5)] for row, col in level.tolist()
    ]


def _ticks(coordinate: "xr.DataArray", at_most: int) -> tuple[list[int], list[str]]:
    """Return places and texts of ticks, every one or every second, third ... so that texts do not run together."""
    step = -(-coordinate.size // at_most)
    places = list(range(0, coordinate.size, step))
    texts = tick_labels(coordinate)
    return places, [texts[place] for place in places]
