"""Hardware-aware training: weights that learn while they deviate as those of a chip, before they are programmed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from calibration.batchnorm import average_statistics
from calibration.clip_weights import clip_weights
from calibration.support.distributed import unwrapped
from calibration.training import (
    Loss,
    MakeOptimizer,
    MakeSchedule,
    TrainingRun,
    class_loss,
    cosine_schedule,
    fit,
    moving_tensors,
)
from calibration.training.run import nothing
from crossbar.conversion import analog_layers
from devices.arguments import checked
from devices.validation import check_positive


def adam(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """Return Adam with the learning rate 3e-4, our choice for networks that are trained already."""
    return torch.optim.Adam(parameters, lr=3e-4)


@checked
def train_hardware_aware(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    epochs: int = 1,
    optimizer: MakeOptimizer = adam,
    schedule: MakeSchedule | None = None,
    loss: Loss = class_loss,
    clip: float | None = None,
    validation: Iterable[Any] | None = None,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_steps: int | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Train everything that has a gradient in `train()` mode, where analog layers show their weights as a chip would.

    What they show is said by their config: quantised weights and inputs, and the noise of the device drawn anew at every
    step (Joshi et al., Nature Communications 11, 2473 (2020)). With `clip`, distillation (`taught_by`,
    `distillation_loss`) and `learn_input_ranges` it is the recipe of Büchel et al., "Analog foundation models", NeurIPS
    2025. No chip is read; program one with the weights that come out.

    Parameters
    ----------
    model
        A converted model, programmed or not.
    batches
        Labelled batches, tuples (input, target) or mappings, which may hold keyword arguments of the model; iterated
        once per epoch.
    epochs
        Passes over `batches`.
    optimizer, schedule, loss
        Make the optimiser of everything that learns, and its schedule by epochs (default: a cosine to 0); loss of
        (output, target).
    clip
        Standard deviations to which the weights of every output are clipped after each step (`clip_weights`); None does
        not.
    validation, patience
        As in `finetune`; validation reads the weights that learn, as training does, all else in eval mode.
    checkpoint, checkpoint_steps
        As in `finetune`.
    progress
        Show progress bars (needs tqdm).

    Returns
    -------
    xr.Dataset
        The history, as that of `finetune`.

    Raises
    ------
    ValueError
        If the model has no analog layer, nothing in it learns, or `batches` is empty.
    FloatingPointError
        If the loss or an input is not finite; the model is left as it was.
    """
    if clip is not None:
        check_positive("clip", clip, hint="Use None to leave weights as they are.")
    model = unwrapped(model)
    layers = analog_layers(model)
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not learning:
        raise ValueError("`model` has no parameter that learns. Set `requires_grad` of those that shall.")

    def set_validation_modes(model: nn.Module) -> None:
        """Read the weights that are trained, not a chip that may be programmed with older ones."""
        model.eval()
        for layer in layers:
            layer.train()

    steps = optimizer(learning)
    run = TrainingRun(
        model=model,
        moving=moving_tensors(model, learning, norms),
        optimizer=steps,
        schedule=cosine_schedule(steps, epochs) if schedule is None else schedule(steps),
        epochs=epochs,
        loss=loss,
        validation=validation,
        patience=patience,
        checkpoint=checkpoint,
        checkpoint_steps=checkpoint_steps,
        settings={"optimizer": f"{type(steps).__name__} {steps.defaults}", "clip": clip},
        progress=progress,
        description="hardware-aware training",
        set_modes=nn.Module.train,
        set_validation_modes=set_validation_modes,
        after_step=nothing if clip is None else lambda: clip_weights(model, deviations=clip),
        after_epoch=lambda: average_statistics(norms),
    )
    return fit(run, batches)
