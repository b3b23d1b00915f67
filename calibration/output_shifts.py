"""Noise injection adaption: the shifts that a chip gives its outputs, measured and injected in training."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
import xarray as xr
from torch import Tensor, nn

from calibration.support.distributed import unwrapped
from calibration.support.shifts import measure_shifts
from crossbar.training_noise import OutputShift
from crossbar.training_settings import set_training_effects
from devices.arguments import checked


@checked
@torch.no_grad()
def inject_output_shifts(model: nn.Module, batches: Iterable[Any], *, progress: bool = False) -> xr.Dataset:
    """Measure how the programmed chip shifts the outputs of each layer, and let `train()` inject shifts like them.

    Noise injection adaption (He, Lin, Ewetz, Yuan and Fan, DAC 2019) takes the shifts of the outputs of an array, all
    effects of the circuit together, as normal and trains under them instead of solving circuits. Here they are measured on
    the exact circuit, converters included, and between layers inputs are those of ideal weights. The mean and the standard
    deviation of each output (all its arrays added up) become the layer's `TrainingEffects(noise=OutputShift(...))`; what
    else training contains stays. Program and measure again after training: the shifts follow the weights.

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
        Over `layer`: rms of the `mean` shifts and of the `spread` about them, relative to the rms of the ideal outputs
        without their bias.

    Raises
    ------
    ValueError
        If `batches` is empty, or a layer is never reached.
    """
    found = measure_shifts(unwrapped(model), batches, progress=progress)
    moments = {name: shifts.moments() for name, shifts in found.items()}
    effects = {
        name: replace(
            found[name].layer.array.config.training,
            noise=OutputShift(mean=tuple(mean.tolist()), spread=tuple(spread.tolist())),
        )
        for name, (mean, spread, _) in moments.items()
    }
    set_training_effects(unwrapped(model), effects)
    relative = {
        name: [_rms(values) / _rms(ideal) for values in (mean, spread)]
        for name, (mean, spread, ideal) in moments.items()
    }
    names = {"mean": "mean shift, relative to the outputs", "spread": "spread of shifts, relative to the outputs"}
    return xr.Dataset(
        {
            key: ("layer", [row[i] for row in relative.values()], {"long_name": text, "units": "1"})
            for i, (key, text) in enumerate(names.items())
        },
        coords={"layer": list(relative)},
    )


def _rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt())
