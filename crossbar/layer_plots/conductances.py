"""What a programmed layer's cells hold."""

from typing import TYPE_CHECKING

from crossbar.array import CrossbarArray
from crossbar.plots.style import COLOURS, SMALL_TEXT, TEXT, new_figure
from devices import conductance_at
from devices.arguments import checked

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MICRO = 1e6
_BINS = 120


@checked
def plot_conductances(array: CrossbarArray, *, title: str = "") -> "Figure":
    """Plot how many cells of a programmed layer have which conductance at its present time.

    Parameters
    ----------
    array
        Arrays of a layer, `layer.array`.
    title
        What stands above the picture; the time and the number of cells are added.

    Returns
    -------
    matplotlib.figure.Figure
        3.3 inches wide.

    Raises
    ------
    RuntimeError
        If the layer is not programmed.
    ImportError
        If matplotlib is not installed.
    """
    array.require_programmed()
    placement, device = array.placement, array.config.device
    conductance = conductance_at(device, array.cells, float(array.time))[placement.used]
    figure, axes = new_figure(height=2.4)
    axes.hist(conductance.double().cpu().numpy() * _MICRO, bins=_BINS, color=COLOURS[0])
    # A level that most cells share would hide all others on a linear scale.
    axes.set_yscale("log")
    axes.set_xlabel("conductance [µS]", fontsize=TEXT)
    axes.set_ylabel("cells", fontsize=TEXT)
    said = f"{conductance.numel()} cells, {float(array.time):g} s after programming"
    axes.set_title(f"{title}\n{said}" if title else said, fontsize=SMALL_TEXT)
    return figure
