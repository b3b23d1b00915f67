"""The figure of a recovery ladder."""

from typing import TYPE_CHECKING

import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colour-blind safe blue and vermilion.
_BLUE, _VERMILION = "#0072B2", "#D55E00"


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
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('The figure needs matplotlib: pip install "aimc-crossbar[demo]".') from error
    names = [str(name) for name in results.remedy.values]
    places = list(range(len(names)))[::-1]
    figure = Figure(figsize=(7.5, 0.32 * len(names) + 1.2), layout="constrained")
    panel = figure.subplots()
    accuracy = 100 * results.accuracy
    for place, name in zip(places, names, strict=True):
        values = accuracy.sel(remedy=name)
        panel.barh(place, float(values.mean()), height=0.62, color=_BLUE, alpha=0.3, linewidth=0)
        panel.errorbar(float(values.mean()), place, xerr=float(values.std()), color=_BLUE, capsize=2.5, linewidth=1.2)
        panel.plot(values, [place] * values.size, "o", color=_BLUE, markersize=2.5, alpha=0.8)
        panel.annotate(
            _cost(results.sel(remedy=name).mean("chip")),
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=7,
            color="0.3",
        )
    digital = 100 * float(results.accuracy_digital)
    panel.axvline(digital, color=_VERMILION, linewidth=1, linestyle=":")
    panel.annotate(
        "digital", (digital, 1.01), xycoords=("data", "axes fraction"), ha="center", fontsize=7, color=_VERMILION
    )
    panel.set_yticks(places, names, fontsize=8)
    panel.set_xlim(0, 100)
    panel.set_xlabel(f"accuracy [%], {results.sizes['chip']} chips")
    return figure


def _cost(row: xr.Dataset) -> str:
    """Return what a remedy costs, in words."""
    if not float(row.parameters):
        return "nothing"
    return f"{float(row.parameters):,.0f} numbers, {float(row.batches):.0f} batches, {float(row.seconds):.1f} s"
