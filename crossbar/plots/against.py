"""An output against one axis of a sweep."""

from typing import TYPE_CHECKING

from crossbar.plots.data import describe, pick_output, tick_labels
from crossbar.plots.lines import SPREADS, Spread, describe_spread, draw_line, mark_values
from crossbar.plots.style import add_legend, label_axes, needs_prefix, new_figure, tick_formatter
from devices.arguments import checked
from devices.validation import check_choice

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


@checked
def plot_against(
    dataset: "xr.Dataset",
    axis: str,
    *,
    output: str | None = None,
    lines: str | None = None,
    spread: Spread = "standard deviation",
    log: bool = False,
) -> "Figure":
    """Plot the mean of an output against one axis, with its spread over trials and chips.

    Parameters
    ----------
    dataset
        Result of a sweep.
    axis
        Dimension along x; text and booleans stand at equal distances.
    output
        Variable along y; may be left out where there is one only.
    lines
        Dimension with one line for each of its values.
    spread
        What the band covers.
    log
        Whether x is logarithmic.

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
    check_choice("spread", spread, SPREADS)
    array = pick_output(dataset, output, [axis] if lines is None else [axis, lines])
    figure, axes = new_figure(height=2.4)
    if lines is None:
        draw_line(axes, array, along=axis, label=describe_spread(array, spread), number=0, spread=spread)
        title = ""
    else:
        for number, name in enumerate(tick_labels(array[lines])):
            line = array.isel({lines: number}, drop=True)
            draw_line(axes, line, along=axis, label=name, number=number, spread=spread)
        title = "; ".join(filter(None, (describe(array[lines]), describe_spread(array, spread))))
    if needs_prefix(array):
        axes.yaxis.set_major_formatter(tick_formatter(array))
    mark_values(axes, array[axis], log=log)
    label_axes(axes, x=array[axis], y=array)
    if axes.get_legend_handles_labels()[1]:
        add_legend(axes, title)
    return figure
