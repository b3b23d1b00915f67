"""The figure of a recovery ladder."""

from typing import TYPE_CHECKING

import xarray as xr

from crossbar.plots.style import COLOURS, SMALL_TEXT, TEXT, new_figure
from devices.arguments import checked

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 7.5
"""A page [inch]: names at the left, costs at the right."""


@checked
def plot_ladder(results: xr.Dataset) -> "Figure":
    """Draw accuracy of every remedy, mean, spread and single chips, beside what it costs.

    Parameters
    ----------
    results
        From `recovery_ladder`.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    names = [str(name) for name in results.remedy.values]
    places = list(range(len(names)))[::-1]
    figure, panel = new_figure(0.32 * len(names) + 1.2, width=_WIDTH)
    colour, digital_colour = COLOURS[:2]
    accuracy = 100 * results.accuracy
    for place, name in zip(places, names, strict=True):
        values = accuracy.sel(remedy=name).dropna("chip")
        if values.size:
            mean, spread = float(values.mean()), float(values.std())
            panel.barh(place, mean, height=0.62, color=colour, alpha=0.3, linewidth=0)
            panel.errorbar(mean, place, xerr=spread, color=colour, capsize=2.5, linewidth=1.2)
            panel.plot(values, [place] * values.size, "o", color=colour, markersize=2.5, alpha=0.8)
        panel.annotate(
            _cost(results.sel(remedy=name).mean("chip")),
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=SMALL_TEXT,
            color="0.3",
        )
    digital = 100 * float(results.accuracy_digital)
    panel.axvline(digital, color=digital_colour, linewidth=1, linestyle=":")
    panel.annotate(
        "digital",
        (digital, 1.01),
        xycoords=("data", "axes fraction"),
        ha="center",
        fontsize=SMALL_TEXT,
        color=digital_colour,
    )
    panel.set_yticks(places, names, fontsize=TEXT)
    panel.set_xlim(0, 100)
    panel.set_ylim(-0.6, len(names) - 0.4)
    panel.set_xlabel(f"accuracy [%], {results.sizes['chip']} chips", fontsize=TEXT)
    return figure


def _cost(row: xr.Dataset) -> str:
    """Return what a remedy costs, in words."""
    if row.parameters.isnull():
        return "refused"
    if not float(row.parameters):
        return "nothing"
    return f"{float(row.parameters):,.0f} numbers, {float(row.batches):.0f} batches, {float(row.seconds):.1f} s"
