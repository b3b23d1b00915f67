"""Learning of a chosen group of parameters with the crossbars in the loop."""

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Literal

import torch
import xarray as xr
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, StepLR

from calibration.batchnorm import adapt_batchnorm, average_statistics, batchnorm_modules
from calibration.support.distributed import unwrapped
from calibration.training import (
    Loss,
    MakeOptimizer,
    MakeSchedule,
    TrainingRun,
    class_loss,
    fit,
    fixed_tensors,
    moving_tensors,
    set_eval_but,
)
from crossbar.conversion import named_analog_layers
from devices.arguments import checked
from devices.validation import check_choice

Statistics = Literal["frozen", "moving", "exact"]


def paper_optimizer(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """Return SGD with the learning rate 0.01 of arXiv 2305.18416; its momentum, 0.9, is not stated there."""
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9)


def paper_schedule(optimizer: torch.optim.Optimizer) -> LRScheduler:
    """Return the schedule of arXiv 2305.18416: the learning rate divided by 5 every second epoch."""
    return StepLR(optimizer, step_size=2, gamma=0.2)


@checked
def finetune(
    model: nn.Module,
    batches: Iterable[Any],
    parameters: Collection[str],
    *,
    epochs: int = 5,
    optimizer: MakeOptimizer = paper_optimizer,
    schedule: MakeSchedule = paper_schedule,
    loss: Loss = class_loss,
    statistics: Statistics = "frozen",
    validation: Iterable[Any] | None = None,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_steps: int | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Train some parameters of a model that runs on its programmed chip; nothing else moves.

    The chip is read as in inference. Gradients pass through the frozen arrays by their effective weight, and straight
    through the converters. In a process group, where each process gives equally many batches, they are averaged.

    Parameters
    ----------
    model
        A programmed analog model.
    batches
        Labelled batches, tuples (input, target) or mappings, which may hold keyword arguments of the model; iterated
        once per epoch.
    parameters
        Names, or `"re:"` and a regular expression that matches whole names; not the weights of analog layers, which
        are on the chip.
    epochs
        Passes over `batches`.
    optimizer, schedule, loss
        Make the optimiser of the chosen parameters, and its schedule by epochs; loss of (output, target). Default:
        cross-entropy of the output or its `logits`.
    statistics
        Of batch norms: stay and are used (frozen), move as in training (moving), or move and become exact in the end.
    validation, patience
        Stop after `patience` epochs without a lower loss (default: never), over these labelled batches (default: the
        training loss), and go back to the best one.
    checkpoint, checkpoint_steps
        File to continue from where it exists, and to keep the run in; and batches between two writes (None: an epoch).
        A run that was killed ends as if it had not been.
    progress
        Show progress bars (needs tqdm).

    Returns
    -------
    xr.Dataset
        `loss`, `accuracy` (NaN where targets are not classes), `learning_rate`, `seconds` and perhaps
        `validation_loss`, over `epoch`.

    Raises
    ------
    ValueError
        If a name matches nothing or an analog weight, `batches` is empty, or the checkpoint is of another run.
    FloatingPointError
        If the loss or an input is not finite; the model is left as it was.
    """
    check_choice("statistics", statistics, ("frozen", "moving", "exact"))
    model = unwrapped(model)
    chosen = chosen_parameters(model, parameters)
    norms = [] if statistics == "frozen" else batchnorm_modules(model)
    moving = moving_tensors(model, chosen, norms)
    steps = optimizer(list(chosen))

    def at_end() -> None:
        """Measure the statistics of what was learned."""
        if statistics == "exact":
            adapt_batchnorm(model, batches, progress=progress)

    run = TrainingRun(
        model=model,
        moving=moving,
        optimizer=steps,
        schedule=schedule(steps),
        epochs=epochs,
        loss=loss,
        validation=validation,
        patience=patience,
        checkpoint=checkpoint,
        checkpoint_steps=checkpoint_steps,
        settings={"statistics": statistics},
        fixed={} if checkpoint is None else fixed_tensors(model, moving),
        progress=progress,
        description="fine-tuning",
        set_modes=set_eval_but(norms),
        after_epoch=lambda: average_statistics(norms),
        at_end=at_end,
    )
    return fit(run, batches)


def chosen_parameters(model: nn.Module, names: Collection[str]) -> list[nn.Parameter]:
    """Return the parameters of `model` that names or `"re:"` patterns choose.

    Raises
    ------
    ValueError
        If one of them matches nothing, or the weight of an analog layer, which no gradient reaches.
    """
    if isinstance(names, str):
        raise TypeError(f"`parameters` must be a collection of names. Got the string {names!r}.")
    known = dict(model.named_parameters())
    on_chip = {id(layer.weight) for _, layer in named_analog_layers(model)}
    chosen: dict[int, nn.Parameter] = {}
    for name in names:
        hits = {key: p for key, p in known.items() if _matches(name, key)}
        if not hits:
            raise ValueError(f"`parameters` names {name!r}, which is no parameter. Parameters: {', '.join(known)}.")
        for key, parameter in hits.items():
            if id(parameter) in on_chip:
                raise ValueError(
                    f"`parameters` names {key!r}, the ideal weight of an analog layer, which the programmed chip does "
                    "not follow. Choose others, or train the model in train() mode and program it again."
                )
            chosen[id(parameter)] = parameter
    if not chosen:
        raise ValueError("`parameters` must name at least one parameter. Got none.")
    return list(chosen.values())


def _matches(name: str, key: str) -> bool:
    return bool(re.fullmatch(name[3:], key)) if name.startswith("re:") else name == key
