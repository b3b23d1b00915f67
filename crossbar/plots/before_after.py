"""An output before and after calibration."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from crossbar.plots.data import pick_output
from crossbar.plots.lines import SPREADS, Spread, describe_spread, draw_line, mark_values
from crossbar.plots.style import add_legend, label_axes, needs_prefix, new_figure, tick_formatter
from devices.arguments import checked
from devices.validation import check_choice

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


@checked
def plot_before_after(
    datasets: "Mapping[str, xr.Dataset]",
    axis: str,
    *,
    output: str | None = None,
    reference: float | None = None,
    spread: Spread = "standard deviation",
    log: bool = False,
) -> "Figure":
    """Plot one line per Dataset against an axis they share, for instance before and after calibration.

    Where calibration is an axis of one Dataset, `plot_against(dataset, axis, lines="calibration")` shows the same.

    Parameters
    ----------
    datasets
        Results by what the legend calls them, such as {"as programmed": before, "batch norm adapted": after}.
    axis
        Dimension along x.
    output
        Variable along y; may be left out where there is one only.
    reference
        Value of the digital network, drawn as a dashed line.
    spread
        What the bands cover.
    log
        Whether x is logarithmic.

    Returns
    -------
    matplotlib.figure.Figure
        3.3 inches wide; `save_figure` writes it.

    Raises
    ------
    ValueError
        If there is no Dataset, a name is unknown, or a further dimension has several values.
    ImportError
        If matplotlib is not installed.
    """
    check_choice("spread", spread, SPREADS)
    arrays = {name: pick_output(dataset, output, [axis]) for name, dataset in datasets.items()}
    if not arrays:
        raise ValueError("`datasets` must hold at least one Dataset. Got none.")
    figure, axes = new_figure(height=2.4)
    for number, (name, array) in enumerate(arrays.items()):
        draw_line(axes, array, along=axis, label=name, number=number, spread=spread)
    if reference is not None:
        axes.axhline(reference, color="0.35", linestyle="--", linewidth=0.8, label="digital", zorder=1)
    first = next(iter(arrays.values()))
    if needs_prefix(first):
        axes.yaxis.set_major_formatter(tick_formatter(first))
    mark_values(axes, first[axis], log=log)
    label_axes(axes, x=first[axis], y=first)
    add_legend(axes, describe_spread(first, spread))
    return figure
