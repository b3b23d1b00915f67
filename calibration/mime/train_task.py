"""Learning a new task on a programmed chip: thresholds and a head, no weight."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
import xarray as xr
from torch import Tensor, nn

from calibration.batchnorm import adapt_batchnorm, average_statistics, batchnorm_modules
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
from calibration.mime.threshold_training import threshold_training
from calibration.support.distributed import unwrapped
from calibration.training import Loss, TrainingRun, class_loss, cosine_schedule, fit, set_eval_but
from devices.arguments import checked
from devices.validation import check_choice, check_integer, check_positive


class TrainedTask(NamedTuple):
    """The result of `train_task`."""

    task: Task
    """The task, for a `TaskBank`."""
    history: xr.Dataset
    """Loss, accuracy, mean threshold and time over the epochs."""

    def __repr__(self) -> str:
        """Say what was learnt and how it ended."""
        last = self.history.isel(epoch=-1)
        ended = ", ".join(f"{name} {float(last[name]):.4g}" for name in ("loss", "accuracy") if name in last)
        return f"TrainedTask({self.task}, {self.history.sizes['epoch']} epochs: {ended})"


@checked
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
    loss: Loss = class_loss,
    validation: Iterable[Any] | None = None,
    patience: int | None = None,
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
        Number of classes, or the module that takes the place of the model's last layer; it stays digital.
    beta, reward
        Weight of the penalty on the thresholds; `"high"` rewards high ones and so sparsity.
    epochs
        Passes over `batches`.
    learning_rate, head_learning_rate
        First rates of thresholds (0.01 suits tasks near the parent's), and of head and batch norm.
    thresholds
        Whether thresholds learn.
    batchnorm
        Batch norms keep the `"parent"`'s state; get the task's own `"statistics"`, measured exactly at the end; or get
        own statistics and learn scale and offset (`"affine"`).
    loss
        Of (output, target). Default: cross-entropy of the output or its `logits`.
    validation, patience, checkpoint, checkpoint_steps, progress
        As in `finetune`.

    Raises
    ------
    TypeError
        If the model was not made by `attach_thresholds`.
    ValueError
        If `batches` is empty, or the checkpoint is damaged or of another run.
    FloatingPointError
        If the loss or an input is not finite.
    """
    settings = _Settings(
        epochs=epochs,
        beta=beta,
        reward=reward,
        learning_rate=learning_rate,
        head_learning_rate=head_learning_rate,
        thresholds=thresholds,
        batchnorm=batchnorm,
    )
    model = unwrapped(model)
    task = _new_task(model, head, batchnorm)
    rate = learning_rate if thresholds else None
    optimizer = _optimizer(task, rate, head_learning_rate)
    hooks = threshold_training(model, exponential_penalty(beta, reward))
    described = {"parent": task.parent, "head": str(task.head), **asdict(settings)}
    with installed(model, task_values(task)):
        norms = [] if batchnorm == "parent" else batchnorm_modules(model)

        def at_end() -> None:
            """Measure the statistics of what was learned."""
            if norms:
                adapt_batchnorm(model, batches, progress=progress)

        run = TrainingRun(
            model=model,
            moving=_learned(task, thresholds=thresholds),
            optimizer=optimizer,
            schedule=cosine_schedule(optimizer, epochs),
            epochs=epochs,
            loss=loss,
            validation=validation,
            patience=patience,
            checkpoint=checkpoint,
            checkpoint_steps=checkpoint_steps,
            settings=described,
            progress=progress,
            description="task",
            set_modes=set_eval_but(norms),
            penalty=hooks.penalty,
            after_step=hooks.project,
            after_epoch=lambda: average_statistics(norms),
            at_end=at_end,
            figures=hooks.figures,
        )
        history = fit(run, batches)
    return TrainedTask(task, history.assign_attrs(settings=json.dumps(described, sort_keys=True)))


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """What a training run must share with the checkpoint that it continues from."""

    epochs: int
    beta: float
    reward: Reward
    learning_rate: float
    head_learning_rate: float
    thresholds: bool
    batchnorm: BatchNormTask

    def __post_init__(self) -> None:
        """Refuse runs that cannot be."""
        check_integer("epochs", self.epochs, at_least=1)
        check_positive("learning_rate", self.learning_rate)
        check_positive("head_learning_rate", self.head_learning_rate)
        check_choice("batchnorm", self.batchnorm, ("parent", "statistics", "affine"))


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
