"""What the wires of a layer's worst array take away."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from crossbar.array import CrossbarArray
from crossbar.array.operating_point import operating_conductance
from crossbar.parasitics import transfer_matrix
from crossbar.plots.style import COLOUR_MAP, SMALL_TEXT, TEXT, new_figure
from devices import conductance_at
from devices.arguments import checked

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@checked
@torch.no_grad()
def plot_wire_losses(array: CrossbarArray, *, title: str = "") -> "Figure":
    """Map the share of each cell's conductance that the wires take away, `1 - T/G`, in the array where it is largest.

    Parameters
    ----------
    array
        Arrays of a layer, `layer.array`.
    title
        What stands above the picture; the array's number and its mean are added.

    Returns
    -------
    matplotlib.figure.Figure
        3.3 inches wide. Word lines are driven from the left, bit lines are read at the bottom; absent cells are white.

    Raises
    ------
    RuntimeError
        If the layer is not programmed.
    ValueError
        If its wires have no resistance.
    ImportError
        If matplotlib is not installed.
    """
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    array.require_programmed()
    wires = array.config.wires
    if not any((wires.row, wires.column, wires.driver, wires.sense)):
        raise ValueError("`array` must have wires with resistance to show a drop. Got ideal wires.")
    placement = array.placement
    conductance = conductance_at(array.config.device, array.cells, float(array.time)).masked_fill(~placement.present, 0)
    operating = operating_conductance(conductance.double(), array.config)
    lost = 1 - transfer_matrix(operating, wires) / conductance.double()  # (tiles, rows, cols), NaN at G = 0
    means = torch.nanmean(lost.flatten(1), dim=1)
    worst = int(means.nan_to_num(-1.0).argmax())
    figure, axes = new_figure(height=2.9)
    image = axes.imshow(
        np.ma.masked_invalid(lost[worst].cpu().numpy()), cmap=COLOUR_MAP, vmin=0, interpolation="nearest"
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.set_xlabel("bit line", fontsize=TEXT)
    axes.set_ylabel("word line", fontsize=TEXT)
    bar = figure.colorbar(image, ax=axes, pad=0.02, format=PercentFormatter(xmax=1, decimals=None))
    bar.set_label("conductance lost to wires", fontsize=TEXT)
    bar.ax.tick_params(labelsize=SMALL_TEXT)
    said = f"array {worst} of {len(lost)}, mean {float(means[worst]):.1%}"
    axes.set_title(f"{title}\n{said}" if title else said, fontsize=SMALL_TEXT)
    return figure
