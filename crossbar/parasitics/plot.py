"""Pictures of what the wires take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from crossbar.parasitics.solution import CrossbarSolution
from crossbar.plots.style import COLOUR_MAP, SMALL_TEXT, TEXT, new_panels
from devices.arguments import checked

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 8.0
"""Three pictures side by side [inch]."""


@checked
def plot_ir_drop(solution: CrossbarSolution, source_voltages: Tensor | None = None) -> Figure:
    """Return a figure of the voltages over the array: word lines, bit lines and what is left over each cell.

    Sources are on the left, sense ends at the bottom.

    Parameters
    ----------
    solution
        Of one array and one input: its voltages have shape `(rows, cols)`.
    source_voltages
        `(rows,)`: if given, the third panel shows the share of the source voltage lost between source and cell, in
        percent, instead of the cell voltage [V]; rows at 0 V stay blank.

    Raises
    ------
    ImportError
        Without matplotlib.
    ValueError
        If the solution holds more than one array or input, or `source_voltages` has another shape.
    """
    shape = tuple(solution.word_line_voltages.shape)
    if len(shape) != 2:
        raise ValueError(f"`solution` must be of one array and one input, voltages (rows, cols). Got {shape}.")
    third, label = solution.cell_voltages.detach(), "cell voltage [mV]"
    scale = 1e3
    if source_voltages is not None:
        if tuple(source_voltages.shape) != shape[:1]:
            raise ValueError(f"`source_voltages` must have shape {shape[:1]}. Got {tuple(source_voltages.shape)}.")
        third, label = 1 - third / source_voltages.detach().unsqueeze(-1).to(third), "voltage lost [%]"
        third, scale = third.masked_fill(~third.isfinite(), float("nan")), 1e2
    panels = [
        ("word lines [mV]", solution.word_line_voltages.detach() * 1e3),
        ("bit lines [mV]", solution.bit_line_voltages.detach() * 1e3),
        (label, third * scale),
    ]
    figure, grid = new_panels(2.6, width=_WIDTH, columns=len(panels))
    for axes, (title, values) in zip(grid, panels, strict=True):
        image = axes.imshow(values.cpu().numpy(), cmap=COLOUR_MAP, aspect="auto", interpolation="nearest")
        axes.set_title(title, fontsize=TEXT)
        axes.set_xlabel("bit line (sensed at the bottom)", fontsize=TEXT)
        axes.set_ylabel("word line (driven from the left)", fontsize=TEXT)
        figure.colorbar(image, ax=axes).ax.tick_params(labelsize=SMALL_TEXT)
    return figure
