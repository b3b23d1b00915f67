"""Correcting known stuck cells digitally, and what that costs."""

from dataclasses import replace

import torch
import xarray as xr
from torch import Tensor, nn

from crossbar.array import CrossbarArray
from crossbar.array.collapse import effective_weight
from crossbar.array.corrections import StuckCellPath
from crossbar.array.operation_units import split_rows
from crossbar.array.programming import parallel_rows, read_transfer
from crossbar.conversion import named_analog_layers
from devices import conductance_at
from devices.validation import check_nonnegative
from mapping import scatter_cells

_VARIABLES = {
    "stuck_cells": "cells that are stuck",
    "stuck_weights": "weights with a stuck cell",
    "multiplications": "weights corrected digitally: multiplications per input vector",
    "numbers": "numbers stored: a place and a value for each",
}


@torch.no_grad()
def correct_stuck_cells(model: nn.Module, *, smallest: float = 0.5) -> xr.Dataset:
    """Add digitally what known stuck cells keep from single weights, and say what it costs.

    The deviation of a weight follows from the conductances asked for and the stuck ones, behind the wires of the config:
    nothing is measured. Where targets were compensated, little is left of it.

    Parameters
    ----------
    model
        Programmed analog model.
    smallest
        Deviation from which on a weight is corrected, in integer units of the codes.

    Returns
    -------
    xr.Dataset
        `stuck_cells`, `stuck_weights`, `multiplications` (per input vector) and `numbers` over layer.

    Raises
    ------
    RuntimeError
        If a layer is not programmed.
    """
    check_nonnegative("smallest", smallest, hint="It is in integer units of the codes.")
    layers = dict(named_analog_layers(model))
    for layer in layers.values():
        layer.array.require_programmed()
    counts = [_correct(layer.array, smallest) for layer in layers.values()]
    return xr.Dataset(
        {
            name: ("layer", [count[name] for count in counts], {"long_name": text, "units": "1"})
            for name, text in _VARIABLES.items()
        },
        coords={"layer": list(layers)},
    )


def _correct(array: CrossbarArray, smallest: float) -> dict[str, int]:
    cells, placement = array.cells, array.placement
    correction = array.corrections["stuck_cells"]
    correction.clear()
    if cells.stuck is None:
        return dict.fromkeys(_VARIABLES, 0)
    stuck = cells.stuck & placement.present
    hit = scatter_cells(placement, stuck.to(cells.programmed.dtype))[:, : placement.outputs] > 0
    missing = torch.where(hit, placement.to_weight() - _expected_weight(array, stuck), 0)
    missing = torch.where(missing.abs() >= smallest * placement.scale.abs(), missing, 0)
    if isinstance(correction, StuckCellPath):
        correction.hold(missing.t().contiguous())
    corrected = int((missing != 0).sum())
    return {
        "stuck_cells": int(stuck.sum()),
        "stuck_weights": int(hit.sum()),
        "multiplications": corrected,
        "numbers": 2 * corrected,
    }


def _expected_weight(array: CrossbarArray, stuck: Tensor) -> Tensor:
    """Return the weight that the conductances asked for and the stuck ones stand for, (inputs per group, outputs)."""
    cells, config = array.cells, array.config
    asked = replace(cells, programmed=torch.where(stuck, cells.programmed, cells.target), read_deviation=None)
    conductance = conductance_at(config.device, asked, float(array.time)).masked_fill(~array.placement.present, 0)
    rows = parallel_rows(array.placement, config)
    placement = array.placement if rows is None else split_rows(array.placement, rows)
    transfer = read_transfer(array.placement, config, conductance)
    return effective_weight(placement, config.device, transfer, gain=array.array_gain(), common=array.common)
