"""Thresholds as a calibration: learned through the non-ideal array, to win accuracy back."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import xarray as xr
from torch import nn

from calibration.mime.attach import named_thresholds
from calibration.mime.fitting import Loss, Run, fit
from calibration.mime.penalty import exponential_penalty
from calibration.support.batches import training_modes_kept
from devices.validation import check_integer, check_positive


def calibrate_thresholds(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    epochs: int = 5,
    learning_rate: float = 0.03,
    loss: Loss = F.cross_entropy,
    checkpoint: str | Path | None = None,
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
        Of (output, target).
    checkpoint
        File to continue from where it exists, and to keep the run in.
    progress
        Show a progress bar (needs tqdm).

    Returns
    -------
    xr.Dataset
        Loss, accuracy, mean threshold and time over the epochs.

    Raises
    ------
    ValueError
        If the model has no thresholds, or `batches` is empty.
    FloatingPointError
        If the loss is not finite.
    """
    check_integer("epochs", epochs, at_least=1)
    check_positive("learning_rate", learning_rate)
    learned = {name: module.threshold for name, module in named_thresholds(model)}
    if not learned:
        raise ValueError(
            "`model` has no thresholds. Attach them first: `model = attach_thresholds(model, example_input)`."
        )
    with training_modes_kept(model):
        model.eval()
        run = Run(
            model=model,
            learned=learned,
            optimizer=torch.optim.Adam(learned.values(), lr=learning_rate),
            loss=loss,
            penalty=exponential_penalty(0.0, "high"),
            epochs=epochs,
            checkpoint=None if checkpoint is None else Path(checkpoint),
            checkpoint_steps=None,
            settings=json.dumps({"epochs": epochs, "learning_rate": learning_rate, "thresholds": sorted(learned)}),
        )
        return fit(run, batches, progress=progress, description="threshold calibration")
