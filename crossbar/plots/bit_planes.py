"""Which planes of which arrays hold ones: the picture of SME."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from crossbar.plots.style import COLOUR_MAP, SMALL_TEXT, TEXT, new_panels
from devices.arguments import checked
from mapping import Placement
from mapping.placement import distinct

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@checked
def plot_bit_planes(placements: Mapping[str, Placement]) -> "Figure":
    """Plot how full every array is, by its place in the matrix and its plane; released arrays are left white.

    Parameters
    ----------
    placements
        Mappings of the same weights by title, e.g. before and after `squeeze_out`, with every plane in arrays of its
        own (slicing "inter"). Rows of a picture are planes, those of the positive above those of the negative array,
        most significant first; columns are blocks of inputs and outputs.

    Returns
    -------
    matplotlib.figure.Figure
        3.3 inches wide; `save_figure` writes it.

    Raises
    ------
    ValueError
        If there is no placement, one holds no array, or one has arrays of several planes.
    ImportError
        If matplotlib is not installed.
    """
    if not placements:
        raise ValueError("`placements` must name at least one placement. Got none.")
    weights = sorted(
        {weight for p in placements.values() for weight in _significance(p)}, key=lambda w: (w < 0, -abs(w))
    )
    height = 0.5 + len(placements) * (0.5 + 0.14 * len(weights))
    figure, panels = new_panels(height, rows=len(placements), sharex=True)
    grids = {title: _grid(placement, weights) for title, placement in placements.items()}
    top = max(float(np.nanmax(grid)) for grid in grids.values())
    images = []
    for panel, (title, grid) in zip(panels, grids.items(), strict=True):
        images.append(panel.imshow(grid, aspect="auto", cmap=COLOUR_MAP, vmin=0, vmax=top, interpolation="nearest"))
        panel.set_title(f"{title}: {placements[title].tiles} arrays", fontsize=TEXT)
        panel.set_yticks(range(len(weights)), [_label(weight) for weight in weights], fontsize=SMALL_TEXT)
        panel.set_ylabel("plane", fontsize=TEXT)
    from matplotlib.ticker import MaxNLocator

    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[-1].set_xlabel("block of inputs and outputs", fontsize=TEXT)
    bar = figure.colorbar(images[0], ax=panels, pad=0.02)
    bar.set_label("cells above level 0", fontsize=TEXT)
    bar.ax.tick_params(labelsize=SMALL_TEXT)
    return figure


def _significance(placement: Placement) -> list[int]:
    """Return the signed weight of each array's plane."""
    if not placement.tiles:
        raise ValueError("`placements` must hold arrays to show. Got one whose arrays were all released.")
    significance = placement.column_significance
    weights = (placement.column_index >= 0) & (placement.column_index < placement.outputs)
    mixed = weights & (significance != significance[:, :1])
    if bool(mixed.any()):
        raise ValueError(
            "`placements` must keep every plane in arrays of its own (slicing='inter', pairs='arrays' or 'word_lines', "
            "columns not merged)."
        )
    return [int(weight) for weight in significance[:, 0]]


def _grid(placement: Placement, weights: list[int]) -> np.ndarray:
    """Return the share of cells above level 0, (planes, blocks), NaN where there is no array."""
    column = placement.column_index.masked_fill(placement.column_index >= placement.outputs, -1)
    block = distinct(torch.stack([placement.row_index.amax(1), column.amax(1)], 1)).tolist()
    grid = np.full((len(weights), max(block) + 1), np.nan)
    cells = placement.used & (column >= 0)[:, None, :]
    occupied = ((placement.levels != 0) & cells).flatten(1).sum(1) / cells.flatten(1).sum(1)
    for weight, position, share in zip(_significance(placement), block, occupied.tolist(), strict=True):
        grid[weights.index(weight), position] = share
    return grid


def _label(weight: int) -> str:
    power = abs(weight).bit_length() - 1
    return f"{'-' if weight < 0 else '+'}2$^{{{power}}}$"
