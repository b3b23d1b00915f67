"""Learning with the parent's weights frozen: a loop that can be killed at any step and continued."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from torch import Tensor, nn

from calibration.mime.attach import named_thresholds
from calibration.mime.threshold import Threshold
from calibration.support.batches import model_device, model_input, model_target, require_batches
from calibration.training.checkpoint import load_checkpoint, random_state, save_checkpoint, set_random_state
from calibration.training.gradients import only_gradients_of
from calibration.training.history import history_dataset
from crossbar.progress import progress_over

Loss = Callable[[Any, Any], Tensor]
Penalty = Callable[[list[Threshold]], Tensor]


@dataclass(kw_only=True)
class Run:
    """A training run: what learns, and how far it is."""

    model: nn.Module
    """The model, its training flags set as the run needs them."""
    learned: Mapping[str, Tensor]
    """Every tensor that moves, by name: parameters that the optimiser steps, and batch-norm statistics."""
    optimizer: torch.optim.Optimizer
    """Steps the parameters among them; the rates of its groups are those of the first epoch."""
    loss: Loss
    """Of (output, target)."""
    penalty: Penalty
    """Added to the loss, of all thresholds."""
    epochs: int
    """Passes over the batches."""
    checkpoint: Path | None
    """File that the run continues from; None keeps nothing."""
    checkpoint_steps: int | None
    """Steps between two checkpoints within an epoch; None writes one per epoch."""
    settings: str
    """What a checkpoint must agree with."""
    rates: list[float] = field(default_factory=list)
    epoch: int = 0
    step: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    epoch_random: list[Tensor] = field(default_factory=list)


def fit(run: Run, batches: Iterable[Any], *, progress: bool, description: str) -> xr.Dataset:
    """Run to the end, or on from the checkpoint, and return the history.

    A run that was killed and continued ends with the same numbers, bit by bit, as one that was not, if `batches` yields
    the same batches whenever torch's default generator is in the same state.

    Returns
    -------
    xr.Dataset
        `loss`, `penalty`, `accuracy` (NaN where targets are not classes), `threshold` (their mean), `learning_rate` and
        `seconds`, over `epoch`.
    """
    run.rates = [float(group["lr"]) for group in run.optimizer.param_groups]
    _continue_from_checkpoint(run)
    with only_gradients_of(run.model, run.learned.values()):
        while run.epoch < run.epochs:
            label = f"{description}, epoch {run.epoch + 1}/{run.epochs}"
            _run_epoch(run, progress_over(batches, show=progress, description=label))
    return history_dataset(run.rows)


def _run_epoch(run: Run, batches: Iterable[Any]) -> None:
    """Train for one epoch, or the rest of one that a checkpoint broke off."""
    start = time.perf_counter()
    done, continued = run.step, random_state()
    if done:
        set_random_state(run.epoch_random)
    else:
        run.epoch_random, run.sums = (
            continued,
            {"loss": 0.0, "penalty": 0.0, "correct": 0.0, "samples": 0.0, "seconds": 0.0},
        )
    for group, rate in zip(run.optimizer.param_groups, run.rates, strict=True):
        group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * run.epoch / run.epochs))
    seen = 0
    for batch in batches:
        seen += 1
        if seen <= done:
            continue
        if seen == done + 1 and done:
            set_random_state(continued)
        _step(run, batch)
        run.step += 1
        if run.checkpoint_steps is not None and run.step % run.checkpoint_steps == 0:
            _save(run)
    require_batches(seen)
    run.rows.append(_summary(run, time.perf_counter() - start))
    run.epoch, run.step = run.epoch + 1, 0
    _save(run)


def _step(run: Run, batch: Any) -> None:
    """Learn from one batch."""
    device = model_device(run.model)
    inputs, target = model_input(batch).to(device), model_target(batch).to(device)
    thresholds = [threshold for _, threshold in named_thresholds(run.model)]
    run.optimizer.zero_grad()
    with torch.enable_grad():
        output = run.model(inputs)
        loss = run.loss(output, target)
        penalty = run.penalty(thresholds)
        (loss + penalty).backward()  # type: ignore[no-untyped-call]
    value = float(loss.detach())
    if not math.isfinite(value):
        raise FloatingPointError(
            f"The loss is {value}. Use smaller learning rates, or adapt the batch-norm statistics first "
            "(`adapt_batchnorm`)."
        )
    run.optimizer.step()
    for threshold in thresholds:
        threshold.project()
    classes = not target.is_floating_point() and output.ndim == 2
    correct = float((output.detach().argmax(1) == target).sum()) if classes else math.nan
    seen = {"loss": value * len(inputs), "penalty": float(penalty.detach()) * len(inputs), "correct": correct}
    for name, amount in {**seen, "samples": float(len(inputs))}.items():
        run.sums[name] += amount


def _summary(run: Run, seconds: float) -> dict[str, float]:
    samples = max(run.sums["samples"], 1.0)
    values = [threshold.threshold.detach().flatten() for _, threshold in named_thresholds(run.model)]
    return {
        "loss": run.sums["loss"] / samples,
        "penalty": run.sums["penalty"] / samples,
        "accuracy": run.sums["correct"] / samples,
        "threshold": float(torch.cat(values).mean()) if values else 0.0,
        "learning_rate": float(run.optimizer.param_groups[0]["lr"]),
        "seconds": run.sums["seconds"] + seconds,
    }


def _save(run: Run) -> None:
    if run.checkpoint is None:
        return
    state = {
        "epoch": run.epoch,
        "step": run.step,
        "learned": {name: tensor.detach() for name, tensor in run.learned.items()},
        "optimizer": run.optimizer.state_dict(),
        "rows": run.rows,
        "sums": run.sums,
        "random": random_state(),
        "epoch_random": run.epoch_random,
    }
    save_checkpoint(run.checkpoint, state, settings=run.settings)


@torch.no_grad()
def _continue_from_checkpoint(run: Run) -> None:
    """Take over the state of a checkpoint if there is one."""
    state = None if run.checkpoint is None else load_checkpoint(run.checkpoint, settings=run.settings)
    if state is None:
        return
    for name, tensor in run.learned.items():
        tensor.copy_(state["learned"][name])
    run.optimizer.load_state_dict(state["optimizer"])
    run.epoch, run.step, run.rows, run.sums = state["epoch"], state["step"], state["rows"], state["sums"]
    run.epoch_random = state["epoch_random"]
    set_random_state(state["random"])
