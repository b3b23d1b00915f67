"""Measurements against the device fitted to them."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from devices.arguments import checked
from devices.drift import PowerLawDrift
from devices.fitting import Fit, Measurements
from devices.fitting.measurements import Array
from devices.plotting.figure import COLOURS, MICRO, legend_below, say_nothing, three_panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@checked
def plot_fit(fit: Fit) -> "Figure":
    """Draw what was measured, and what the fitted device says of it.

    Returns
    -------
    matplotlib.figure.Figure
        Panels: programming error against target; scatter of repeated reads against conductance; conductance relative
        to a cell's first read against time, with the fitted mean and spread. Points are data, lines the model.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    figure, (programming, reading, drifting) = three_panels(f"{fit.device.name}   [{fit.device.source}]")
    _draw_programming(programming, fit)
    _draw_read_noise(reading, fit)
    _draw_drift(drifting, fit)
    return figure


def _note(panel: "Axes", fit: Fit, effect: str) -> None:
    good = fit.goodness.sel(effect=effect)
    text = f"p = {float(good.p_value):.2g}, n = {int(good.number)}"
    panel.text(1.0, 1.01, text, ha="right", va="bottom", fontsize=8, color="0.3", transform=panel.transAxes)


def _draw_programming(panel: "Axes", fit: Fit) -> None:
    data, first = fit.measurements, fit.measurements.first
    target, error = data.target[first] * MICRO, (data.mean - data.target)[first] * MICRO
    panel.plot(target, error, ".", markersize=2, color="0.6", label="cells", rasterized=True)
    g = torch.linspace(float(data.target.min()), float(data.target.max()), 200, dtype=torch.float64)
    sigma = fit.device.programming.sigma(g, fit.device.window).numpy() * MICRO
    for sign, label in ((1, r"fitted $\pm\sigma$"), (-1, None)):
        panel.plot(g.numpy() * MICRO, sign * sigma, color=COLOURS[0], label=label)
    centre, spread = _binned(target, error**2)
    panel.plot(centre, np.sqrt(spread), "o", color=COLOURS[1], markersize=4, label="measured rms")
    panel.set_title("Programming error", loc="left")
    panel.set(xlabel="target conductance [µS]", ylabel="error [µS]")
    legend_below(panel, 3)
    _note(panel, fit, "programming")


def _draw_read_noise(panel: "Axes", fit: Fit) -> None:
    panel.set_title("Read noise", loc="left")
    panel.set(xlabel="conductance [µS]", ylabel="standard deviation [µS]")
    noise, data = fit.device.read_noise, fit.measurements
    if noise is None:
        say_nothing(panel, "no repeated reads")
        return
    repeated = data.reads > 1
    g = torch.linspace(float(data.mean[repeated].min()), float(data.mean[repeated].max()), 200, dtype=torch.float64)
    sigma = noise.sigma(g, target=g, window=fit.device.window, t=0.0).numpy() * MICRO
    scatter = np.sqrt(data.variance[repeated]) * MICRO
    panel.plot(data.mean[repeated] * MICRO, scatter, ".", markersize=2, color="0.6", label="cells", rasterized=True)
    centre, mean_square = _binned(data.mean[repeated] * MICRO, scatter**2)
    panel.plot(centre, np.sqrt(mean_square), "o", color=COLOURS[1], markersize=4, label="measured rms")
    panel.plot(g.numpy() * MICRO, sigma, color=COLOURS[0], label=r"fitted $\sigma$")
    panel.set_ylim(bottom=0)
    legend_below(panel, 3)
    _note(panel, fit, "read_noise")


def _draw_drift(panel: "Axes", fit: Fit) -> None:
    panel.set_title("Drift", loc="left")
    panel.set(xlabel="time since programming [s]", ylabel="conductance / first read")
    drift = fit.device.drift
    if not isinstance(drift, PowerLawDrift):
        say_nothing(panel, "cells were not followed")
        return
    times, ratios = _ratios(fit.measurements)
    fine = np.geomspace(drift.t0, times.max(), 100)
    middle, low, high = ((fine / drift.t0) ** -(drift.nu + k * drift.nu_spread) for k in (0, 1, -1))
    panel.plot(fine, middle, color=COLOURS[0], label=f"fitted, nu = {drift.nu:.3g} ± {drift.nu_spread:.2g}")
    panel.fill_between(fine, low, high, color=COLOURS[0], alpha=0.2, linewidth=0)
    for label, t in zip(("measured mean and spread", *[None] * times.size), np.unique(times), strict=False):
        here = ratios[times == t]
        panel.errorbar(t, here.mean(), here.std(), fmt="o", color=COLOURS[1], markersize=4, capsize=2, label=label)
    panel.set_xscale("log")
    legend_below(panel, 2)
    _note(panel, fit, "drift")


def _ratios(data: Measurements) -> tuple[Array, Array]:
    """Return time and conductance over the cell's first, for all later rows."""
    start = np.zeros(data.cell.max() + 1)
    start[data.cell[data.first]] = data.mean[data.first]
    later = ~data.first
    return data.time[later], data.mean[later] / start[data.cell[later]]


def _binned(x: Array, y: Array, bins: int = 12) -> tuple[Array, Array]:
    """Return mean x and mean y in up to `bins` equal shares of the range of x."""
    edges = np.linspace(x.min(), x.max(), bins + 1)
    place = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    full = count >= 5
    means = [np.bincount(place, values, minlength=bins)[full] / count[full] for values in (x, y)]
    return means[0], means[1]
