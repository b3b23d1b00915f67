"""The demo's figure."""

from pathlib import Path

import xarray as xr

# Okabe and Ito's colour-blind safe palette.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")


def save_demo_figure(results: xr.Dataset, path: Path) -> None:
    """Draw accuracy against read noise, a panel per time and a colour per wire resistance, and save it.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('The figure needs matplotlib: pip install "aimc-crossbar[demo]".') from error
    times = results.time.values
    figure = Figure(figsize=(2.4 * len(times) + 0.4, 2.7), layout="constrained")
    panels = figure.subplots(1, len(times), sharey=True, squeeze=False)[0]
    for panel, t in zip(panels, times, strict=True):
        at_time = results.sel(time=t)
        for colour, scale in zip(_COLOURS, results.wire_scale.values, strict=False):
            for name, style in (("accuracy_before", "--"), ("accuracy_after", "-")):
                values = 100 * at_time[name].sel(wire_scale=scale)
                mean, spread = values.mean("chip"), values.std("chip")
                panel.plot(results.read_noise, mean, style, color=colour, marker="o", markersize=2.5, linewidth=1.2)
                panel.fill_between(
                    results.read_noise, mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0
                )
        panel.axhline(100 * float(results.accuracy_digital), color="0.4", linewidth=0.8, linestyle=":")
        panel.set_title(f"t = {t:.0e} s", fontsize=9)
        panel.set_xlabel(r"read noise $\sigma/\mu$", fontsize=9)
        panel.tick_params(labelsize=8)
        panel.set_ylim(0, 102)
    panels[0].set_ylabel("accuracy [%]", fontsize=9)
    figure.legend(handles=_legend(results), loc="outside lower center", ncols=6, fontsize=7, frameon=False)
    figure.suptitle(results.attrs["title"], fontsize=9)
    figure.savefig(path, dpi=200)


def _legend(results: xr.Dataset) -> list:
    from matplotlib.lines import Line2D

    wires = [
        Line2D([], [], color=colour, label="ideal wires" if scale == 0 else f"wires x{scale:g}")
        for colour, scale in zip(_COLOURS, results.wire_scale.values, strict=False)
    ]
    return [
        *wires,
        Line2D([], [], color="0.2", linestyle="--", label="before"),
        Line2D([], [], color="0.2", label="after adaptation"),
        Line2D([], [], color="0.4", linestyle=":", linewidth=0.8, label="digital"),
    ]
