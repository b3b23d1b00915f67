"""Learning a new task on a programmed chip: thresholds and a head, no weight."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
import xarray as xr
from torch import Tensor, nn

from calibration.batches import training_modes_kept
from calibration.batchnorm import adapt_batchnorm, batchnorm_modules
from calibration.mime.fitting import Loss, Run, fit
from calibration.mime.penalty import Reward, exponential_penalty
from calibration.mime.task import (
    BatchNormTask,
    Task,
    fresh,
    installed,
    new_head,
    read_task,
    task_values,
)
from devices.validation import check_choice, check_integer, check_positive


class TrainedTask(NamedTuple):
    """The result of `train_task`."""

    task: Task
    """The task, for a `TaskBank`."""
    history: xr.Dataset
    """Loss, accuracy, mean threshold and time over the epochs."""


def train_task(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    head: int | nn.Module,
    beta: float = 0.0,
    reward: Reward = "high",
    epochs: int = 10,
    learning_rate: float = 0.1,
    head_learning_rate: float = 0.01,
    thresholds: bool = True,
    batchnorm: BatchNormTask = "statistics",
    loss: Loss = F.cross_entropy,
    checkpoint: str | Path | None = None,
    checkpoint_steps: int | None = None,
    progress: bool = False,
) -> TrainedTask:
    """Learn a task by thresholds and a head of its own; the model is left as it was, its chip is only read.

    Adam, with learning rates that fall to 0 along a cosine. In an analog model the chip is in the loop.

    Parameters
    ----------
    model
        A model from `attach_thresholds`; learning starts from its present thresholds.
    batches
        Labelled batches, tuples (input, target) or mappings; one that can be iterated once per epoch.
    head
        Number of classes, or the module that takes the place of the model's last layer. It stays digital.
    beta, reward
        Weight of the penalty on the thresholds; `"high"` rewards high ones and so sparsity.
    epochs
        Passes over `batches`.
    learning_rate, head_learning_rate
        First rates of thresholds, in units of the activations, and of head and batch norm.
    thresholds
        Whether thresholds learn; False trains the head (and batch norm) alone.
    batchnorm
        Batch norms keep the `"parent"`'s state; get the task's own `"statistics"`, measured exactly at the end; or get
        own statistics and learn scale and offset (`"affine"`).
    loss
        Of (output, target).
    checkpoint
        File to continue from where it exists, and to keep the run in.
    checkpoint_steps
        Batches between checkpoints. Default: one per epoch.
    progress
        Show a progress bar (needs tqdm).

    Raises
    ------
    TypeError
        If the model was not made by `attach_thresholds`.
    ValueError
        If `batches` is empty, or the checkpoint is damaged or of another run.
    FloatingPointError
        If the loss is not finite.
    """
    for name, rate in {"learning_rate": learning_rate, "head_learning_rate": head_learning_rate}.items():
        check_positive(name, rate)
    check_integer("epochs", epochs, at_least=1)
    check_choice("batchnorm", batchnorm, ("parent", "statistics", "affine"))
    task = _new_task(model, head, batchnorm)
    settings = {"parent": task.parent, "head": str(task.head), "beta": beta, "reward": reward, "epochs": epochs}
    settings |= {"rates": [learning_rate, head_learning_rate], "thresholds": thresholds, "batchnorm": batchnorm}
    with training_modes_kept(model), installed(model, task_values(task)):
        model.eval()
        for norm in batchnorm_modules(model) if batchnorm != "parent" else []:
            norm.train()
        run = Run(
            model=model,
            learned=_learned(task, thresholds=thresholds),
            optimizer=_optimizer(task, learning_rate if thresholds else None, head_learning_rate),
            loss=loss,
            penalty=exponential_penalty(beta, reward),
            epochs=epochs,
            checkpoint=None if checkpoint is None else Path(checkpoint),
            checkpoint_steps=checkpoint_steps,
            settings=json.dumps(settings, sort_keys=True),
        )
        history = fit(run, batches, progress=progress, description="task")
        if batchnorm != "parent":
            adapt_batchnorm(model, batches, progress=progress)
    return TrainedTask(task, history.assign_attrs(settings | {"rates": json.dumps(settings["rates"])}))


def _new_task(model: nn.Module, head: int | nn.Module, batchnorm: BatchNormTask) -> Task:
    """Return a task with tensors of its own: the present thresholds, a new head, the present batch norms."""
    present = read_task(model, batchnorm=batchnorm)
    return Task(
        thresholds={name: fresh(tensor) for name, tensor in present.thresholds.items()},
        head=new_head(model, head),
        batchnorm={name: fresh(tensor) for name, tensor in present.batchnorm.items()},
        parent=present.parent,
    )


def _learned(task: Task, *, thresholds: bool) -> dict[str, Tensor]:
    """Return every tensor that training moves, by name."""
    head = [*task.head.named_parameters(), *task.head.named_buffers()]
    learned = {f"head.{name}": tensor for name, tensor in head}
    return {**(task.thresholds if thresholds else {}), **task.batchnorm, **learned}


def _optimizer(task: Task, learning_rate: float | None, head_learning_rate: float) -> torch.optim.Optimizer:
    """Return Adam for the thresholds, if they have a rate, and for head and batch norm."""
    affine = [tensor for tensor in task.batchnorm.values() if isinstance(tensor, nn.Parameter)]
    groups: list[dict[str, Any]] = [{"params": [*task.head.parameters(), *affine], "lr": head_learning_rate}]
    if learning_rate is not None:
        groups.insert(0, {"params": list(task.thresholds.values()), "lr": learning_rate})
    return torch.optim.Adam(groups)
