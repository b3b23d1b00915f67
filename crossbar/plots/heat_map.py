"""An output over two axes of a sweep."""

from typing import TYPE_CHECKING

import numpy as np

from crossbar.plots.data import average, is_numeric, pick_output, tick_labels
from crossbar.plots.style import COLOUR_MAP, label_axes, label_colour_bar, needs_prefix, new_figure
from devices.arguments import checked

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

_LARGEST_WRITTEN = 8


@checked
def plot_heat_map(dataset: "xr.Dataset", x: str, y: str, *, output: str | None = None) -> "Figure":
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

    Returns
    -------
    matplotlib.figure.Figure
        3.3 inches wide; `save_figure` writes it.

    Raises
    ------
    ValueError
        If a name is unknown, or a further dimension has several values: choose one with `dataset.sel` first.
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
    label_colour_bar(figure.colorbar(image, ax=axes, pad=0.02), array)
    middle = (float(array.min()) + float(array.max())) / 2
    if max(rows, cols) <= _LARGEST_WRITTEN and not needs_prefix(array):
        for (row, col), value in np.ndenumerate(array.values):
            if np.isfinite(value):
                dark = value < middle
                axes.text(col, row, f"{value:#.3g}", ha="center", va="center", fontsize=6, color="w" if dark else "k")
    return figure


def _ticks(coordinate: "xr.DataArray", at_most: int) -> tuple[list[int], list[str]]:
    """Return places and texts of ticks, every one or every second, third ... so that texts do not run together."""
    step = -(-coordinate.size // at_most)
    places = list(range(0, coordinate.size, step))
    texts = tick_labels(coordinate)
    return places, [texts[place] for place in places]
