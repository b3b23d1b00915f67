"""Thresholds as a calibration: learned through the non-ideal array, to win accuracy back."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from torch import nn

from calibration.mime.attach import named_thresholds
from calibration.mime.penalty import exponential_penalty
from calibration.mime.threshold_training import threshold_training
from calibration.support.distributed import unwrapped
from calibration.training import Loss, TrainingRun, class_loss, cosine_schedule, fit, fixed_tensors
from devices.arguments import checked
from devices.validation import check_integer, check_positive


@checked
def calibrate_thresholds(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    epochs: int = 5,
    learning_rate: float = 0.03,
    loss: Loss = class_loss,
    validation: Iterable[Any] | None = None,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_steps: int | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Learn the thresholds of a model on its chip as it is now; nothing else moves.

    Thresholds can answer read noise, drift and wires in the digital periphery, where writing the cells anew is slow and
    wears them. They cannot undo a shift of a whole layer's scale: adapt the batch norms first (`adapt_batchnorm`).

    Parameters
    ----------
    model
        A model from `attach_thresholds`, usually on a programmed, drifted chip. With a `TaskBank`, the active task
        learns.
    batches
        Labelled batches, tuples (input, target) or mappings; one that can be iterated once per epoch.
    epochs
        Passes over `batches`.
    learning_rate
        First rate of Adam, in units of the activations; it falls to 0 along a cosine.
    loss
        Of (output, target). Default: cross-entropy of the output or its `logits`.
    validation, patience, checkpoint, checkpoint_steps
        As in `finetune`.
    progress
        Show a progress bar (needs tqdm).

    Returns
    -------
    xr.Dataset
        Loss, accuracy, mean threshold, learning rate and time over the epochs.

    Raises
    ------
    ValueError
        If the model has no thresholds, `batches` is empty, or the checkpoint is of another run.
    FloatingPointError
        If the loss or an input is not finite; the model is left as it was.
    """
    check_integer("epochs", epochs, at_least=1)
    check_positive("learning_rate", learning_rate)
    model = unwrapped(model)
    learned = {name: module.threshold for name, module in named_thresholds(model)}
    if not learned:
        raise ValueError(
            "`model` has no thresholds. Attach them first: `model = attach_thresholds(model, example_input)`."
        )
    hooks = threshold_training(model, exponential_penalty(0.0, "high"))
    optimizer = torch.optim.Adam(learned.values(), lr=learning_rate)
    run = TrainingRun(
        model=model,
        moving=learned,
        optimizer=optimizer,
        schedule=cosine_schedule(optimizer, epochs),
        epochs=epochs,
        loss=loss,
        validation=validation,
        patience=patience,
        checkpoint=checkpoint,
        checkpoint_steps=checkpoint_steps,
        settings={"learning_rate": learning_rate},
        fixed={} if checkpoint is None else fixed_tensors(model, learned),
        progress=progress,
        description="threshold calibration",
        penalty=hooks.penalty,
        after_step=hooks.project,
        figures=hooks.figures,
    )
    return fit(run, batches)
