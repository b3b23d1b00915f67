"""How many activations are zero, per layer and task, and what that saves on the crossbars."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from calibration.mime.attach import named_thresholds
from calibration.mime.task import installed
from calibration.mime.task_bank import TaskBank
from calibration.support.batches import checked_batches, require_batches, training_modes_kept
from crossbar.array.read_count import ReadCount, count_reads
from crossbar.batches import batch_size, call_model, model_device
from crossbar.conversion import named_analog_layers
from crossbar.layers import AbstractAnalogLayer
from devices.arguments import checked

_KINDS = ("thresholds", "relu")


@checked
def sparsity_report(bank: TaskBank, batches: Mapping[str, Iterable[Any]], *, progress: bool = False) -> xr.Dataset:
    """Measure sparsity on real inputs of each task, with its thresholds and with ReLU in their place.

    Parameters
    ----------
    bank
        Tasks on one model. The active one stays active.
    batches
        Inputs of each task by its name: tensors, tuples whose first item is the input, or mappings.
    progress
        Show a progress bar (needs tqdm).

    Returns
    -------
    xr.Dataset
        `sparsity` (task, activation, layer): share of zeros; `activation` is `"thresholds"` or `"relu"`, the same task
        with every threshold 0. In a programmed model also, over (task, activation, array): `rows`, `cycles`, `reads`,
        `conversions` per sample without skipping, and `rows_needed`, ... with idle ones skipped (see `ReadCount`).

    Raises
    ------
    ValueError
        If a task is unknown or has no batch.
    """
    sites = dict(named_thresholds(bank.model))
    active, measured = bank.active, []
    relu = {name: torch.zeros_like(site.threshold) for name, site in sites.items()}
    try:
        for task, data in batches.items():
            bank.switch(task)
            items = list(data)
            for values in ({}, relu):
                with installed(bank.model, values):
                    measured.append(_measure(bank.model, checked_batches(items, progress=progress, description=task)))
    finally:
        bank.switch(active)
    # A task with a digital head of its own never reads the parent's: those reads are 0.
    arrays = list(dict.fromkeys(array for one in measured for array in one.reads))
    coords = {"task": list(batches), "activation": list(_KINDS), "layer": list(sites)}
    dims, shape = ("task", "activation"), (len(batches), len(_KINDS))
    zeros = np.array([list(one.sparsity.values()) for one in measured]).reshape(*shape, -1)
    data_vars: dict[str, Any] = {"sparsity": ((*dims, "layer"), zeros, {"long_name": "share of zeros", "units": "1"})}
    if arrays:
        coords["array"] = arrays
        for name in (f.name for f in fields(ReadCount)):
            numbers = [[one.reads.get(array, {}).get(name, 0) / one.samples for array in arrays] for one in measured]
            data_vars[name] = (
                (*dims, "array"),
                np.array(numbers).reshape(*shape, -1),
                {"units": "1", "long_name": name},
            )
    return xr.Dataset(data_vars, coords=coords)


class _Measurement:
    """What one task did on its inputs."""

    def __init__(self) -> None:
        self.samples = 0
        self.sparsity: dict[str, float] = {}
        self.reads: dict[str, dict[str, int]] = {}


@torch.no_grad()
def _measure(model: nn.Module, batches: Iterable[Any]) -> _Measurement:
    """Run a model in eval mode and count zeros behind thresholds, and reads of programmed layers."""
    result, zeros, sizes = _Measurement(), dict[str, int](), dict[str, int]()
    counts = {name: ReadCount() for name, layer in named_analog_layers(model) if layer.array.programmed_yet}

    def counted(name: str) -> Callable[..., None]:
        """Return a hook that counts for a layer."""

        def hook(module: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
            """Count the inputs of one call."""
            zeros[name] = zeros.get(name, 0) + int((output == 0).sum())
            sizes[name] = sizes.get(name, 0) + output.numel()

        return hook

    def read(layer: AbstractAnalogLayer, count: ReadCount) -> Callable[..., None]:
        """Return what was counted."""
        return lambda module, arguments: count_reads(layer.array, layer.input_codes(arguments[0]), count)

    device, number = model_device(model), 0
    with training_modes_kept(model), ExitStack() as stack:
        model.eval()
        for name, site in named_thresholds(model):
            stack.callback(site.register_forward_hook(counted(name)).remove)
        for name, layer in named_analog_layers(model):
            if name in counts:
                stack.callback(layer.register_forward_pre_hook(read(layer, counts[name])).remove)
        for batch in batches:
            call_model(model, batch, device)
            result.samples += batch_size(batch)
            number += 1
    require_batches(number)
    result.sparsity = {name: zeros[name] / sizes[name] for name in zeros}
    result.reads = {name: asdict(count) for name, count in counts.items()}
    return result
