"""Learning of a chosen group of parameters with the crossbars in the loop."""

import math
import re
import time
from collections.abc import Callable, Collection, Iterable
from typing import Any, Literal

import torch
import torch.nn.functional as F
import xarray as xr
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler, StepLR

from calibration.batchnorm import adapt_batchnorm, average_statistics, batchnorm_modules
from calibration.support.batches import (
    model_device,
    model_input,
    model_target,
    require_batches,
    training_modes_kept,
    with_progress,
)
from calibration.support.distributed import averaged, unwrapped
from calibration.training.early_stop import EarlyStop
from calibration.training.gradients import only_gradients_of
from calibration.training.history import history_dataset
from crossbar.conversion import named_analog_layers
from devices.validation import check_choice, check_integer

Loss = Callable[[Any, Any], Tensor]
MakeOptimizer = Callable[[list[nn.Parameter]], torch.optim.Optimizer]
MakeSchedule = Callable[[torch.optim.Optimizer], LRScheduler]
Statistics = Literal["frozen", "moving", "exact"]


def paper_optimizer(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """Return SGD with the learning rate 0.01 of arXiv 2305.18416; its momentum, 0.9, is not stated there."""
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9)


def paper_schedule(optimizer: torch.optim.Optimizer) -> LRScheduler:
    """Return the schedule of arXiv 2305.18416: the learning rate divided by 5 every second epoch."""
    return StepLR(optimizer, step_size=2, gamma=0.2)


def finetune(
    model: nn.Module,
    batches: Iterable[Any],
    parameters: Collection[str],
    *,
    epochs: int = 5,
    optimizer: MakeOptimizer = paper_optimizer,
    schedule: MakeSchedule = paper_schedule,
    loss: Loss = F.cross_entropy,
    statistics: Statistics = "frozen",
    validation: Iterable[Any] | None = None,
    patience: int | None = None,
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
        Labelled batches, tuples (input, target) or mappings; iterated once per epoch.
    parameters
        Names, or `"re:"` and a regular expression that matches whole names; not the weights of analog layers, which
        are on the chip.
    epochs
        Passes over `batches`.
    optimizer, schedule, loss
        Make the optimiser of the chosen parameters, and its schedule by epochs; loss of (output, target).
    statistics
        Of batch norms: stay and are used (frozen), move as in training (moving), or move and become exact in the end.
    validation, patience
        Stop after `patience` epochs without a lower loss (default: never), over these labelled batches (default: the
        training loss), and go back to the best one.
    progress
        Show progress bars (needs tqdm).

    Returns
    -------
    xr.Dataset
        `loss`, `learning_rate`, `seconds` and perhaps `validation_loss`, over `epoch`.

    Raises
    ------
    ValueError
        If a name matches nothing or an analog weight, or `batches` is empty.
    FloatingPointError
        If the loss is not finite; the model is left as it was.
    """
    _check(epochs, statistics)
    model = unwrapped(model)
    chosen = chosen_parameters(model, parameters)
    stop = EarlyStop(model, chosen, patience=patience)
    rows: list[dict[str, float]] = []
    with training_modes_kept(model), only_gradients_of(model, chosen), stop.restoring_on_error():
        plan = schedule(steps := optimizer(list(chosen)))
        for epoch in range(epochs):
            title = f"fine-tuning, epoch {epoch + 1}/{epochs}"
            seen = with_progress(batches, progress=progress, description=title)
            rows.append(row := _epoch(model, seen, chosen, steps, loss, statistics, validation))
            if stop.after(row.get("validation_loss", row["loss"])):
                break
            plan.step()
        stop.finish()
    if statistics == "exact":
        adapt_batchnorm(model, batches, progress=progress)
    return history_dataset(rows)


def _check(epochs: int, statistics: str) -> None:
    """Refuse settings that cannot be."""
    check_integer("epochs", epochs, at_least=1)
    check_choice("statistics", statistics, ("frozen", "moving", "exact"))


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


def _epoch(
    model: nn.Module,
    batches: Iterable[Any],
    moving: list[nn.Parameter],
    steps: torch.optim.Optimizer,
    loss: Loss,
    statistics: Statistics,
    validation: Iterable[Any] | None,
) -> dict[str, float]:
    """Train for one epoch, everything in eval mode but batch norms whose statistics move, and return its figures."""
    start = time.perf_counter()
    model.eval()
    norms = [] if statistics == "frozen" else batchnorm_modules(model)
    for norm in norms:
        norm.train()
    row = {"learning_rate": float(steps.param_groups[0]["lr"]), "loss": _train(model, batches, moving, steps, loss)}
    average_statistics(norms)
    if validation is not None:
        row["validation_loss"] = _validate(model, validation, loss)
    return row | {"seconds": time.perf_counter() - start}


def _train(
    model: nn.Module, batches: Iterable[Any], moving: list[nn.Parameter], steps: torch.optim.Optimizer, loss: Loss
) -> float:
    """Train for one epoch and return the mean loss."""
    device, losses = model_device(model), []
    for batch in batches:
        steps.zero_grad()
        with torch.enable_grad():
            value = loss(model(model_input(batch).to(device)), model_target(batch).to(device))
        value.backward()  # type: ignore[no-untyped-call]
        for parameter in moving:
            if parameter.grad is not None:
                parameter.grad = averaged(parameter.grad)
        steps.step()
        losses.append(value.detach())
    require_batches(len(losses))
    return _finite(averaged(torch.stack(losses).mean()))


@torch.no_grad()
def _validate(model: nn.Module, batches: Iterable[Any], loss: Loss) -> float:
    """Return the mean loss in eval mode."""
    model.eval()
    device = model_device(model)
    losses = [loss(model(model_input(b).to(device)), model_target(b).to(device)) for b in batches]
    require_batches(len(losses))
    return _finite(averaged(torch.stack(losses).mean()))


def _finite(loss: Tensor) -> float:
    value = float(loss)
    if not math.isfinite(value):
        raise FloatingPointError(
            f"The loss is {value}. The parameters were put back; use a smaller learning rate, or adapt the batch-norm "
            "statistics first (`adapt_batchnorm`)."
        )
    return value
