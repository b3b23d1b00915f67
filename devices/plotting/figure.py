"""What the pictures share: three panels, and matplotlib only when one is drawn."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MICRO = 1e6
"""Microsiemens per siemens."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""Okabe and Ito's palette, told apart by colour-blind readers too."""


def three_panels(title: str) -> tuple["Figure", list["Axes"]]:
    """Return an empty figure of three panels side by side.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("Pictures need matplotlib. Install the extra: pip install 'aimc-crossbar[demo]'.") from error
    figure = Figure(figsize=(12, 3.8), layout="constrained")
    figure.suptitle(title, fontsize=11)
    axes = list(np.atleast_1d(figure.subplots(1, 3)))
    for panel in axes:
        panel.grid(alpha=0.25, linewidth=0.6)
        panel.spines[["top", "right"]].set_visible(False)
    return figure, axes


def say_nothing(panel: "Axes", message: str) -> None:
    """Write `message` into an empty panel."""
    panel.text(0.5, 0.5, message, ha="center", va="center", transform=panel.transAxes, color="0.4")
    panel.set_xticks([])
    panel.set_yticks([])
    panel.grid(False)


def duration(t: float) -> str:
    """Return `t` seconds in the unit a person would use."""
    for limit, size, unit in ((1e-3, 1e-6, "µs"), (1.0, 1e-3, "ms"), (120.0, 1.0, "s"), (7200.0, 60.0, "min")):
        if t < limit:
            return f"{t / size:.3g} {unit}"
    return f"{t / 3600:.3g} h" if t < 2 * 86400 else f"{t / 86400:.3g} d"
