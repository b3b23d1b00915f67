"""Batch-norm fine-tuning (arXiv 2305.18416, section 4)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import xarray as xr
from torch import nn

from calibration.batchnorm import batchnorm_modules
from calibration.finetune import Statistics, finetune, paper_optimizer, paper_schedule
from calibration.support.distributed import unwrapped
from calibration.training import Loss, MakeOptimizer, MakeSchedule, class_loss
from devices.arguments import checked


@checked
def finetune_batchnorm(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    epochs: int = 5,
    optimizer: MakeOptimizer = paper_optimizer,
    schedule: MakeSchedule = paper_schedule,
    loss: Loss = class_loss,
    statistics: Statistics = "moving",
    validation: Iterable[Any] | None = None,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_steps: int | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Learn gamma and beta of every batch norm with the crossbars in the loop; the running statistics move too.

    The defaults are the paper's recipe: cross-entropy, 5 epochs, learning rate 0.01 divided by 5 every second epoch. It
    states neither optimiser nor momentum; SGD with 0.9 is our reading.

    Parameters
    ----------
    model
        A programmed analog model with batch norms.
    batches
        Labelled batches; one that can be iterated once per epoch.
    epochs, optimizer, schedule, loss, statistics, validation, patience, checkpoint, checkpoint_steps, progress
        As in `finetune`.

    Returns
    -------
    xr.Dataset
        The history of `finetune`.

    Raises
    ------
    ValueError
        If no batch norm has running statistics, or none has gamma and beta.
    """
    model = unwrapped(model)
    norms = {id(norm) for norm in batchnorm_modules(model)}
    names = [
        f"{name}.{key}" if name else key
        for name, module in model.named_modules()
        if id(module) in norms
        for key, _ in module.named_parameters(recurse=False)
    ]
    if not names:
        raise ValueError(
            "`model` has batch norms without gamma and beta (affine=False). Use `adapt_batchnorm`, or `finetune` for "
            "other parameters."
        )
    return finetune(
        model,
        batches,
        names,
        epochs=epochs,
        optimizer=optimizer,
        schedule=schedule,
        loss=loss,
        statistics=statistics,
        validation=validation,
        patience=patience,
        checkpoint=checkpoint,
        checkpoint_steps=checkpoint_steps,
        progress=progress,
    )
