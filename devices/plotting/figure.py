"""What the pictures share: three panels, and matplotlib only when one is drawn."""

import textwrap
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MICRO = 1e6
"""Microsiemens per siemens."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito, "Color Universal Design" (2008), without yellow, which is too light for a line on white."""
_TITLE_WIDTH = 120
"""Characters of a title that fit over three panels."""


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
    figure.suptitle(textwrap.fill(title, _TITLE_WIDTH), fontsize=11)
    axes = list(np.atleast_1d(figure.subplots(1, 3)))
    for panel in axes:
        panel.grid(alpha=0.25, linewidth=0.6)
        panel.spines[["top", "right"]].set_visible(False)
    return figure, axes


def legend_below(panel: "Axes", columns: int) -> None:
    """Explain the lines of a panel under it, where no data lie."""
    panel.legend(
        fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=columns, frameon=False, columnspacing=1.0
    )


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
