"""One output over another, with the choices that no other one beats."""

from typing import TYPE_CHECKING

import numpy as np

from crossbar.plots.data import average
from crossbar.plots.style import add_legend, label_axes, line_style, needs_prefix, new_figure, tick_formatter
from devices.arguments import checked
from devices.validation import check_choice

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


def pareto_front(costs: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Return which points no other one beats: none costs as little or less and gains as much or more, one of both truly.

    Parameters
    ----------
    costs, gains
        (points,); NaN is never on the front.
    """
    better = np.zeros(len(costs), dtype=bool)
    for at in range(len(costs)):
        as_good = (costs <= costs[at]) & (gains >= gains[at])
        beaten = as_good & ((costs < costs[at]) | (gains > gains[at]))
        better[at] = not beaten.any() and not np.isnan(costs[at] + gains[at])
    return better


@checked
def plot_pareto(
    dataset: "xr.Dataset", *, cost: str = "energy", gain: str = "accuracy", groups: str | None = None
) -> "Figure":
    """Plot a gain over a cost, e.g. accuracy over energy of a sweep, means over trials; the front is a line.

    Parameters
    ----------
    dataset
        Result of a sweep with both outputs, or any dataset with them.
    cost
        Variable along x, better where it is less.
    gain
        Variable along y, better where it is more.
    groups
        Dimension whose values get colours of their own.

    Returns
    -------
    matplotlib.figure.Figure
        3.3 inches wide; `save_figure` writes it.

    Raises
    ------
    ValueError
        If a name is unknown.
    ImportError
        If matplotlib is not installed.
    """
    import xarray as xr

    for argument, name in (("cost", cost), ("gain", gain)):
        check_choice(argument, name, [str(name) for name in dataset.data_vars])
    x, y = xr.broadcast(average(dataset[cost]), average(dataset[gain]))
    x, y = x.assign_attrs(dataset[cost].attrs), y.assign_attrs(dataset[gain].attrs)
    if groups is not None:
        check_choice("groups", groups, [str(name) for name in x.dims])
    figure, axes = new_figure(height=2.6)
    front = pareto_front(x.values.ravel(), y.values.ravel())
    labels = [None] if groups is None else list(dataset[groups].values)
    for number, label in enumerate(labels):
        part = {} if groups is None else {groups: label}
        style = {**line_style(number), "linestyle": ""}
        axes.plot(x.sel(part).values.ravel(), y.sel(part).values.ravel(), label=label, **style)
    order = np.argsort(x.values.ravel()[front])
    axes.plot(x.values.ravel()[front][order], y.values.ravel()[front][order], color="0.6", linewidth=0.8, zorder=0)
    if needs_prefix(x):
        axes.xaxis.set_major_formatter(tick_formatter(x))
    label_axes(axes, x=x, y=y)
    if groups is not None:
        add_legend(axes, groups)
    return figure
