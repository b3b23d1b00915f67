"""Straight-through training of squeezed weights, to win back what larger squeezes cost."""

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from calibration.support.batches import model_device, model_input, training_modes_kept, with_progress
from crossbar.conversion import analog_layers
from crossbar.lifecycle import program_analog_weights
from devices.validation import check_integer, check_positive


def finetune_squeezed(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    epochs: int = 2,
    learning_rate: float = 1e-3,
    generator: torch.Generator | None = None,
    progress: bool = False,
) -> list[float]:
    """Train the ideal weights through their quantised and squeezed values, then program a fresh chip with them.

    Cross-entropy, stochastic gradient descent with momentum 0.9 and a cosine schedule over all epochs; everything that
    has a gradient learns, and batch-norm statistics move. In train mode the analog layers see what their arrays would
    store, row shifts and rounding included, with fresh device noise where the device has any. This is ours: what the
    paper trains is not in its abstract.

    Parameters
    ----------
    model
        A converted model.
    batches
        Labelled batches (input, label), iterated once per epoch.
    epochs
        Passes over `batches`.
    learning_rate
        At the beginning.
    generator
        Source of the new chip's programming errors.
    progress
        Show a progress bar (needs tqdm).

    Returns
    -------
    list of float
        Mean loss of each epoch.

    Raises
    ------
    ValueError
        If the model has no analog layer or `batches` is empty.
    """
    check_integer("epochs", epochs, at_least=1)
    check_positive("learning_rate", learning_rate)
    analog_layers(model)
    device, losses = model_device(model), []
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    with training_modes_kept(model):
        model.train()
        for _ in range(epochs):
            values = []
            for batch in with_progress(batches, progress=progress, description="squeezed fine-tuning"):
                optimizer.zero_grad()
                loss = F.cross_entropy(model(model_input(batch).to(device)), batch[1].to(device))
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                values.append(float(loss.detach()))
            if not values:
                raise ValueError("`batches` must hold a batch in every epoch. Got none; a generator serves only once.")
            losses.append(sum(values) / len(values))
            schedule.step()
    program_analog_weights(model, generator=generator)
    return losses
