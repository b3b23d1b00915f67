"""Pictures of what the wires take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from crossbar.parasitics.solution import CrossbarSolution
from devices.arguments import checked

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "plot_ir_drop needs matplotlib. Install it with `pip install aimc-crossbar[demo]`."
        ) from error
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
        ("word lines [mV]", solution.word_line_voltages.detach() * 1e3, "viridis"),
        ("bit lines [mV]", solution.bit_line_voltages.detach() * 1e3, "viridis"),
        (label, third * scale, "magma"),
    ]
    figure = Figure(figsize=(12, 3.8), layout="constrained")
    for axes, (title, values, colours) in zip(figure.subplots(1, 3), panels, strict=True):
        image = axes.imshow(values.cpu().numpy(), cmap=colours, aspect="auto", interpolation="nearest")
        axes.set(title=title, xlabel="bit line (sensed at the bottom)", ylabel="word line (driven from the left)")
        figure.colorbar(image, ax=axes)
    return figure
