"""Layer-norm fine-tuning: what batch-norm fine-tuning is for networks without batch norm."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from torch import nn

from calibration.finetune import finetune
from calibration.support.distributed import unwrapped
from calibration.training import Loss, MakeOptimizer, MakeSchedule, class_loss, cosine_schedule
from devices.arguments import checked

_NORM = re.compile(r"(Layer|RMS|Group)Norm(2d)?$")
"""Classes of any library that normalise each sample by itself."""


def layernorm_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Return the layer, RMS and group norms of a model that have gamma, by name; of any library, known by their class."""
    found = {name: module for name, module in model.named_modules() if _NORM.search(type(module).__name__)}
    return {name: module for name, module in found.items() if isinstance(getattr(module, "weight", None), nn.Parameter)}


def adam(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """Return Adam with the learning rate 3e-3, our choice."""
    return torch.optim.Adam(parameters, lr=3e-3)


@checked
def finetune_layernorm(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    epochs: int = 5,
    optimizer: MakeOptimizer = adam,
    schedule: MakeSchedule | None = None,
    loss: Loss = class_loss,
    validation: Iterable[Any] | None = None,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_steps: int | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Learn gamma and beta of every layer norm, RMS norm and group norm with the crossbars in the loop.

    There are no statistics to adapt: these norms compute theirs from every sample, on a chip too. What is left, gain and
    offset of each feature, learns as in `finetune_batchnorm`.

    Parameters
    ----------
    model
        A programmed analog model with such norms; those of other libraries are known by the name of their class.
    batches
        Labelled batches; one that can be iterated once per epoch.
    epochs, optimizer, schedule, loss, validation, patience, checkpoint, checkpoint_steps, progress
        As in `finetune`. Default: Adam with a cosine schedule.

    Returns
    -------
    xr.Dataset
        The history of `finetune`.

    Raises
    ------
    ValueError
        If the model has no such norm with gamma.
    """
    norms = layernorm_modules(unwrapped(model))
    names = [
        f"{name}.{key}" if name else key
        for name, norm in norms.items()
        for key, _ in norm.named_parameters(recurse=False)
    ]
    if not names:
        raise ValueError(
            "`model` has no layer, RMS or group norm with gamma and beta. Use `finetune_batchnorm` for batch norms, or "
            "`finetune` for other parameters."
        )
    return finetune(
        model,
        batches,
        names,
        epochs=epochs,
        optimizer=optimizer,
        schedule=(lambda steps: cosine_schedule(steps, epochs)) if schedule is None else schedule,
        loss=loss,
        validation=validation,
        patience=patience,
        checkpoint=checkpoint,
        checkpoint_steps=checkpoint_steps,
        progress=progress,
    )
