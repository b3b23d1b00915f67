"""The demo's figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import xarray as xr

from crossbar.plots.style import COLOURS, MARKERS, SMALL_TEXT, TEXT, new_panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_PANEL_WIDTH, _HEIGHT = 2.15, 2.7
_STYLES = {"accuracy_before": ("--", "w"), "accuracy_after": ("-", None)}
"""Line style and marker face by result; None fills the marker with the line's colour."""


def demo_figure(results: xr.Dataset) -> "Figure":
    """Draw accuracy against read noise, a panel per time and a colour per wire resistance, mean and spread over chips.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    times = results.time.values.tolist()
    figure, panels = new_panels(_HEIGHT, width=_PANEL_WIDTH * len(times) + 0.5, columns=len(times), sharey=True)
    for letter, panel, t in zip("abcdefgh", panels, times, strict=False):
        _draw(panel, results.sel(time=t))
        panel.set_title(f"({letter}) {duration(t)} after programming", fontsize=TEXT)
    panels[0].set_ylabel("accuracy [%]", fontsize=TEXT)
    figure.legend(handles=_legend(results), loc="outside lower center", ncols=6, fontsize=SMALL_TEXT, frameon=False)
    figure.suptitle(results.attrs["title"], fontsize=TEXT + 1)
    return figure


def duration(t: float) -> str:
    """Return `t` seconds in the largest unit that is not more than it."""
    units: Sequence[tuple[float, str]] = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"))
    size, unit = next(((size, unit) for size, unit in units if t >= size), (1.0, "s"))
    return f"{t / size:.2g} {unit}"


def _draw(panel: "Axes", at_time: xr.Dataset) -> None:
    panel.axhline(100 * float(at_time.accuracy_digital), color="0.4", linewidth=0.9, linestyle=":", zorder=1)
    noise = at_time.read_noise.values
    for colour, marker, scale in zip(COLOURS, MARKERS, at_time.wire_scale.values, strict=False):
        for name, (style, face) in _STYLES.items():
            values = 100 * at_time[name].sel(wire_scale=scale)
            mean, spread = values.mean("chip").values, values.std("chip").values
            panel.plot(
                noise, mean, style, color=colour, marker=marker, markersize=3.5, linewidth=1.2,
                markerfacecolor=face or colour, markeredgewidth=0.8, zorder=3,
            )  # fmt: skip
            panel.fill_between(noise, mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0, zorder=2)
    panel.set_xlabel(r"read noise $\sigma/\mu$", fontsize=TEXT)
    panel.set_xticks(noise)
    panel.set_ylim(0, 102)
    panel.grid(axis="y", color="0.9", linewidth=0.5)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _legend(results: xr.Dataset) -> "list[Line2D]":
    from matplotlib.lines import Line2D

    scales = results.wire_scale.values.tolist()
    wires = [
        Line2D([], [], color=colour, marker=marker, markersize=3.5, label=_wires(scale))
        for colour, marker, scale in zip(COLOURS, MARKERS, scales, strict=False)
    ]
    return [
        *wires,
        Line2D([], [], color="0.2", linestyle="--", marker="o", markersize=3.5, markerfacecolor="w", label="before"),
        Line2D([], [], color="0.2", linestyle="-", marker="o", markersize=3.5, label="adapted"),
        Line2D([], [], color="0.4", linestyle=":", linewidth=0.9, label="digital"),
    ]


def _wires(scale: float) -> str:
    if scale == 0:
        return "ideal wires"
    return "full wires" if scale == 1 else f"{scale:g} x wires"
