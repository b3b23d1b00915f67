"""Where the energy goes: stacked bars per layer and part of the chip."""

from typing import TYPE_CHECKING

import numpy as np

from crossbar.plots.style import COLOURS, add_legend, new_figure
from devices.arguments import checked
from devices.validation import check_choice

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

_VARIABLES = ("energy", "area")
_GROUPS = {
    "ADC": ("adc", "sample_hold", "integrator"),
    "word lines": ("word_line", "dac", "input_register"),
    "array": ("array",),
    "shift and add": ("shift_add", "output_register", "accumulator"),
    "buffer and network": ("buffer", "bus", "router"),
    "digital": ("activation", "pooling", "digital_mac"),
    "control": ("core_control", "tile_control"),
}


@checked
def plot_cost_bars(cost: "xr.Dataset", *, variable: str = "energy") -> "Figure":
    """Plot energy or area of every layer, stacked by kind of component; what is not modelled is missing and said so.

    Parameters
    ----------
    cost
        From `cost_report`.
    variable
        "energy" [J per inference] or "area" [m2].

    Returns
    -------
    matplotlib.figure.Figure
        3.3 inches wide; `save_figure` writes it.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    check_choice("variable", variable, _VARIABLES)
    from matplotlib.ticker import EngFormatter

    layers = cost.layer.values.tolist()
    figure, axes = new_figure(height=1.2 + 0.16 * len(layers))
    places, left = np.arange(len(layers)), np.zeros(len(layers))
    scale = 1.0 if variable == "energy" else 1e6
    for number, (label, parts) in enumerate(_GROUPS.items()):
        values = cost[variable].sel(component=list(parts)).sum("component").values * scale
        if not values.any():
            continue
        axes.barh(places, values, left=left, label=label, color=COLOURS[number], height=0.75)
        left += values
    axes.set_yticks(places, layers, fontsize=6)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.05 * left.max() if left.any() else 1)
    axes.locator_params(axis="x", nbins=5)
    if variable == "energy":
        axes.xaxis.set_major_formatter(EngFormatter(unit="J"))
    title = f"energy per inference on {cost.attrs['architecture']}"
    axes.set_xlabel(title if variable == "energy" else f"area on {cost.attrs['architecture']} [mm$^2$]", fontsize=8)
    missing = cost.attrs["not_modelled" if variable == "energy" else "area_not_modelled"]
    add_legend(axes, f"not modelled: {', '.join(missing)}" if missing else "")
    return figure
