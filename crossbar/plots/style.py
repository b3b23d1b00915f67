"""One look for all pictures: sizes of a paper column, colours that colour-blind readers can tell apart."""

from typing import TYPE_CHECKING, Any

from crossbar.plots.data import describe, units
from devices.plotting.figure import COLOURS as COLOURS

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure
    from matplotlib.ticker import Formatter

COLUMN_WIDTH = 3.3
"""Width of a column of a two-column paper [inch]."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""A second way to tell lines apart, for print without colour."""
DASHES = ("-", "--", ":", "-.")
"""For lines beyond the seven colours."""
COLOUR_MAP = "cividis"
"""Nunez, Anderton, Renslow, PLoS ONE 13 (2018) e0199239: even for all kinds of colour vision."""
TEXT = 8
"""Size of axis labels [pt]."""
SMALL_TEXT = 7
"""Size of ticks and notes [pt]."""
# In characters of small text.
_LEGEND_WIDTH = 50
_HANDLE_WIDTH = 6


def new_figure(height: float, *, width: float = COLUMN_WIDTH) -> "tuple[Figure, Axes]":
    """Return a figure `width` by `height` inches, a column wide by default, outside pyplot, with one set of axes.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    figure, (axes,) = new_panels(height, width=width)
    return figure, axes


def new_panels(
    height: float,
    *,
    width: float = COLUMN_WIDTH,
    rows: int = 1,
    columns: int = 1,
    sharex: bool = False,
    sharey: bool = False,
) -> "tuple[Figure, list[Axes]]":
    """Return a figure as `new_figure` does, with rows and columns of axes, row by row.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("matplotlib is needed to plot: pip install 'aimc-crossbar[demo]'.") from error
    figure = Figure(figsize=(width, height), dpi=200, layout="constrained")
    panels = [*figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey).flat]
    for axes in panels:
        axes.tick_params(labelsize=SMALL_TEXT, width=0.6, length=3)
        for spine in axes.spines.values():
            spine.set_linewidth(0.6)
    return figure, panels


def label_axes(axes: "Axes", *, x: "xr.DataArray", y: "xr.DataArray") -> None:
    """Write beside both axes what they show."""
    axes.set_xlabel(describe(x), fontsize=TEXT)
    axes.set_ylabel(describe(y), fontsize=TEXT)


def label_colour_bar(bar: "Colorbar", array: "xr.DataArray") -> None:
    """Write beside a colour bar what it shows."""
    bar.set_label(describe(array), fontsize=TEXT)
    bar.ax.tick_params(labelsize=SMALL_TEXT, width=0.6, length=3)
    bar.outline.set_linewidth(0.6)
    if needs_prefix(array):
        bar.ax.yaxis.set_major_formatter(tick_formatter(array))


def needs_prefix(array: "xr.DataArray") -> bool:
    """Return whether plain ticks of `array` would share a power of ten, written where the legend stands."""
    largest = float(abs(array).max())
    return largest != 0 and not 1e-2 <= largest < 1e4


def tick_formatter(array: "xr.DataArray") -> "Formatter":
    """Return what writes ticks with an SI prefix, such as 5 u for 5e-6 of a unit, or as plain numbers."""
    from matplotlib.ticker import EngFormatter, StrMethodFormatter

    return EngFormatter() if units(array) and needs_prefix(array) else StrMethodFormatter("{x:g}")


def add_legend(axes: "Axes", title: str) -> None:
    """Add a legend without a frame over the plot, where it hides no data."""
    labels = axes.get_legend_handles_labels()[1]
    columns = max(1, min(len(labels), 3, _LEGEND_WIDTH // (_HANDLE_WIDTH + max(map(len, labels)))))
    axes.legend(
        title=title or None,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=columns,
        fontsize=SMALL_TEXT,
        title_fontsize=SMALL_TEXT,
        frameon=False,
        handlelength=1.8,
        columnspacing=1.2,
        borderaxespad=0.2,
    )


def line_style(number: int) -> dict[str, Any]:
    """Return colour, marker and dashes of the line with this number: 28 different ones."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": DASHES[number // len(COLOURS) % len(DASHES)],
        "markersize": 3.5,
        "linewidth": 1.2,
    }
