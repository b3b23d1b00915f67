"""The gain that a chip takes from each layer, given back by the scale of its weights."""

from collections.abc import Iterable
from typing import Any

import torch
import xarray as xr
from torch import nn

from calibration.support.distributed import unwrapped
from calibration.support.shifts import Shifts, measure_shifts
from devices.arguments import checked


@checked
@torch.no_grad()
def match_output_gains(model: nn.Module, batches: Iterable[Any], *, progress: bool = False) -> xr.Dataset:
    """Scale the ideal weights of each layer by one number, so that its chip gives what they gave before.

    Wires take a share of every current, about the same of each output: by one layer a half, by four one in sixteen.
    Batch norm puts it back; a network without it loses its logits, and training through the wires spends its steps on
    them. One number a layer changes no cell, as codes are relative to the largest weight: only the digital scale. Here it
    is the least-squares fit of the ideal outputs by those of the programmed chip, on inputs of ideal weights. The chip
    keeps its scale until it is programmed anew. A way to start, not a remedy: the ideal weights are no longer those of a
    trained network. Layers that share a weight share its number.

    Parameters
    ----------
    model
        A programmed analog model.
    batches
        Inputs: tensors, tuples whose first item is the input, or mappings.
    progress
        Show a progress bar (needs tqdm).

    Returns
    -------
    xr.Dataset
        Over `layer`: the `gain` that its weights were multiplied by.

    Raises
    ------
    ValueError
        If `batches` is empty, a layer is never reached, or its chip gives outputs unlike the ideal ones.
    """
    found = measure_shifts(unwrapped(model), batches, progress=progress, description="output gains")
    users: dict[int, list[str]] = {}
    for name, shifts in found.items():
        users.setdefault(id(shifts.layer.weight), []).append(name)
    gains = dict.fromkeys(found, 1.0)
    for names in users.values():
        gain = _gain([found[name] for name in names])
        if not gain > 0:
            raise ValueError(
                f"The chip of {' and '.join(names)} must give outputs that grow with the ideal ones. Their gain is "
                f"{gain:.3g}. Use smaller arrays or wires of less resistance."
            )
        gains.update(dict.fromkeys(names, gain))
        found[names[0]].layer.weight.mul_(gain)
    attributes = {"long_name": "factor of the weights", "units": "1"}
    return xr.Dataset({"gain": ("layer", list(gains.values()), attributes)}, coords={"layer": list(gains)})


def _gain(shifts: list[Shifts]) -> float:
    """Return the factor that brings the outputs of layers closest to the ideal ones; 1 where all are 0."""
    sums = torch.stack([one.over_processes().sum(1) for one in shifts]).sum(0)
    _, _, squares, wanted, cross = sums.tolist()
    square = wanted + 2 * cross + squares
    return (wanted + cross) / square if square > 0 else 1.0
