"""A device at a glance."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from devices.arguments import checked
from devices.device import Device
from devices.lifecycle import conductance_at, program_cells
from devices.plotting.figure import COLOURS, MICRO, duration, legend_below, say_nothing, three_panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELLS = 2000


@checked
def plot_device(device: Device, *, times: Sequence[float] | None = None, seed: int = 0) -> "Figure":
    """Draw programming error and read noise against conductance, and drift with its spread against time.

    Parameters
    ----------
    device
        The device.
    times
        Times since programming [s]. Default: 40 from 1 s to 1 day, or as far as the device was measured.
    seed
        Seed of the sampled cells behind the points and the shaded spread.

    Returns
    -------
    matplotlib.figure.Figure
        Panels: targets against sampled cells' error with the stated `sigma`; standard deviation of a read at the first
        and the last time; sampled conductances over time, median and the middle 68 % for three targets.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    if times is None:
        limit = None if device.validity is None else device.validity.max_time
        times = np.geomspace(1.0, min(86400.0, limit or 86400.0), 40).tolist()
    figure, (programming, reading, drifting) = three_panels(f"{device.name}   [{device.source}]")
    _draw_programming(programming, device, seed)
    _draw_read_noise(reading, device, times)
    _draw_drift(drifting, device, times, seed)
    return figure


def _targets(device: Device, number: int) -> torch.Tensor:
    return torch.linspace(device.g_min, device.g_max, number, dtype=torch.float64)


def _draw_programming(panel: "Axes", device: Device, seed: int) -> None:
    target = _targets(device, _CELLS)
    cells = program_cells(device, target, generator=torch.Generator().manual_seed(seed))
    error = (conductance_at(device, cells, 0.0) - target).numpy() * MICRO
    g, sigma = target.numpy() * MICRO, device.programming.sigma(target, device.window).numpy() * MICRO
    panel.plot(g, error, ".", markersize=2, color="0.6", label="sampled cells", rasterized=True)
    for sign, label in ((1, r"$\pm\sigma$"), (-1, None)):
        panel.plot(g, sign * sigma, color=COLOURS[0], label=label)
    noise = device.read_noise
    if noise is not None and noise.draw == "programming":
        spread = noise.sigma(target, target=target, window=device.window, t=0.0).numpy() * MICRO
        for sign, label in ((1, r"$\pm\sigma$ with spread of cells"), (-1, None)):
            panel.plot(g, sign * np.hypot(sigma, spread), color=COLOURS[1], label=label)
    panel.set(title="As programmed", xlabel="target conductance [µS]", ylabel="error [µS]")
    legend_below(panel, 3)


def _draw_read_noise(panel: "Axes", device: Device, times: Sequence[float]) -> None:
    panel.set(title="Read noise", xlabel="conductance [µS]", ylabel="standard deviation [µS]")
    if device.read_noise is None:
        say_nothing(panel, "none")
        return
    g = _targets(device, 200)
    drawn: list[np.ndarray] = []
    for t, colour in zip((times[0], times[-1]), COLOURS, strict=False):
        sigma = device.read_noise.sigma(g, target=g, window=device.window, t=t).numpy() * MICRO
        if not any(np.allclose(sigma, other) for other in drawn):
            panel.plot(g.numpy() * MICRO, sigma, color=colour, label=f"{duration(t)} after programming")
            drawn.append(sigma)
    if len(drawn) > 1:
        legend_below(panel, 2)
    panel.set_ylim(bottom=0)
    panel.set_title(f"Read noise, drawn per {device.read_noise.draw}")


def _draw_drift(panel: "Axes", device: Device, times: Sequence[float], seed: int) -> None:
    panel.set(
        title="Drift of three targets",
        xlabel="time since programming [s]",
        ylabel="conductance [µS]",
    )
    working = dataclasses.replace(device, stuck=None)
    for share, colour in zip((1.0, 0.5, 0.15), COLOURS, strict=False):
        g = device.g_min + share * device.window.span
        target = torch.full((_CELLS,), g, dtype=torch.float64)
        cells = program_cells(working, target, generator=torch.Generator().manual_seed(seed))
        history = torch.stack([conductance_at(working, cells, t) for t in times]).numpy() * MICRO
        low, median, high = np.quantile(history, (0.16, 0.5, 0.84), axis=1)
        panel.plot(times, median, color=colour, label=f"{g * MICRO:.3g} µS")
        panel.fill_between(times, low, high, color=colour, alpha=0.2, linewidth=0)
    panel.set_xscale("log")
    panel.set_ylim(bottom=0)
    legend_below(panel, 3)
