"""Straight-through training of squeezed weights, to win back what larger squeezes cost."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from torch import nn

from calibration.hardware_aware import train_hardware_aware
from calibration.support.distributed import unwrapped
from calibration.training import Loss, class_loss
from crossbar.lifecycle import program_analog_weights
from devices.arguments import checked
from devices.randomness import generator_of
from devices.validation import check_integer, check_positive


@checked
def finetune_squeezed(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    epochs: int = 2,
    learning_rate: float = 1e-3,
    loss: Loss = class_loss,
    validation: Iterable[Any] | None = None,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_steps: int | None = None,
    generator: torch.Generator | None = None,
    seed: int | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Train the ideal weights through their quantised and squeezed values, then program a fresh chip with them.

    Stochastic gradient descent with momentum 0.9 and a cosine schedule over all epochs; everything that has a gradient
    learns, and batch-norm statistics move. In train mode the analog layers see what their arrays would store, row
    shifts and rounding included, with fresh device noise where the device has any. This is ours: what the paper trains
    is not in its abstract.

    Parameters
    ----------
    model
        A converted model.
    batches
        Labelled batches, tuples (input, target) or mappings, iterated once per epoch.
    epochs
        Passes over `batches`.
    learning_rate
        At the beginning.
    loss
        Of (output, target). Default: cross-entropy of the output or its `logits`.
    validation, patience
        As in `finetune`; validation reads the squeezed weights as training does, all else in eval mode.
    checkpoint, checkpoint_steps
        As in `finetune`.
    generator
        Source of the new chip's programming errors.
    seed
        In place of `generator`: the chip of `torch.Generator().manual_seed(seed)`.
    progress
        Show a progress bar (needs tqdm).

    Returns
    -------
    xr.Dataset
        The history, as that of `finetune`.

    Raises
    ------
    ValueError
        If the model has no analog layer, nothing in it learns, `batches` is empty, or both `generator` and `seed` are
        given.
    FloatingPointError
        If the loss or an input is not finite; the model is left as it was, its chip too.
    """
    generator = generator_of(generator, seed)
    check_integer("epochs", epochs, at_least=1)
    check_positive("learning_rate", learning_rate)
    history = train_hardware_aware(
        model,
        batches,
        epochs=epochs,
        optimizer=lambda learning: torch.optim.SGD(learning, lr=learning_rate, momentum=0.9),
        loss=loss,
        validation=validation,
        patience=patience,
        checkpoint=checkpoint,
        checkpoint_steps=checkpoint_steps,
        progress=progress,
    )
    program_analog_weights(unwrapped(model), generator=generator)
    return history
