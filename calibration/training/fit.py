"""The training loop: it can be killed at any step and continued, and leaves the model as it was if it fails."""

import math
import time
import warnings
from collections.abc import Iterable
from itertools import islice
from typing import Any

import torch
import xarray as xr
from torch import Tensor, nn

from calibration.support.batches import require_batches, training_modes_kept
from calibration.support.distributed import averaged, share, summed
from calibration.training.checkpoint import random_state, set_random_state
from calibration.training.early_stop import EarlyStop
from calibration.training.gradients import only_gradients_of
from calibration.training.history import history_dataset
from calibration.training.resume import Progress, continue_from_checkpoint, keep
from calibration.training.run import TrainingRun
from crossbar.batches import batch_size, call_model, model_device, model_logits, model_target, moved, non_finite_input
from crossbar.classification import right_answers
from crossbar.progress import progress_over

_SUMS = ("loss", "penalty", "samples", "correct", "answers")
"""What an epoch adds up over its batches."""


def fit(run: TrainingRun, batches: Iterable[Any]) -> xr.Dataset:
    """Train to the end, or on from the checkpoint, and return the history.

    A run that was killed and continued ends with the same numbers, bit by bit, as one that was not, if `batches` yields
    the same batches whenever torch's default generator is in the same state. In a process group, where each process
    gives equally many batches, all start from the first one's tensors, and gradients, losses and the decision to stop
    are common.

    Returns
    -------
    xr.Dataset
        `loss`, `accuracy` (NaN where targets are not classes), `learning_rate` and `seconds` over `epoch`, with
        `validation_loss`, `penalty` and the figures of the run where it has them.

    Raises
    ------
    ValueError
        If `batches` is empty, or the checkpoint is damaged or of another run.
    FloatingPointError
        If the loss or an input is not finite; the moving tensors are as before.
    """
    stop = EarlyStop(run.moving.values(), patience=run.patience)
    with (
        training_modes_kept(run.model),
        only_gradients_of(run.model, run.moving.values()),
        stop.restoring_on_error(),
    ):
        share(run.moving.values())
        progress = continue_from_checkpoint(run, stop)
        while progress.epoch < run.epochs and not stop.exhausted:
            _run_epoch(run, progress, stop, batches)
        stop.finish()
        run.at_end()
    return history_dataset(progress.rows)


def _run_epoch(run: TrainingRun, progress: Progress, stop: EarlyStop, batches: Iterable[Any]) -> None:
    """Train for one epoch, or the rest of one that a checkpoint broke off."""
    start = time.perf_counter() - progress.seconds
    run.set_modes(run.model)
    title = f"{run.description}, epoch {progress.epoch + 1}/{run.epochs}"
    remaining = _remaining(progress, progress_over(batches, show=run.progress, description=title))
    for batch in remaining:
        _step(run, progress, batch)
        progress.step += 1
        progress.seconds = time.perf_counter() - start
        if run.checkpoint_steps is not None and progress.step % run.checkpoint_steps == 0:
            keep(run, progress, stop)
    require_batches(progress.step)
    run.after_epoch()
    progress.rows.append(row := _figures(run, progress))
    row["seconds"] = time.perf_counter() - start
    stop.after(row.get("validation_loss", row["loss"]))
    with warnings.catch_warnings():
        # After a kill between the last step and the end of an epoch, this process has made no step yet.
        warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step")
        run.schedule.step()
    progress.epoch, progress.step, progress.seconds = progress.epoch + 1, 0, 0.0
    keep(run, progress, stop)


def _remaining(progress: Progress, batches: Iterable[Any]) -> Iterable[Any]:
    """Return the batches of this epoch that are not done yet, drawn as if it had not been broken off."""
    now = random_state()
    if not progress.step:
        progress.epoch_random, progress.sums = now, dict.fromkeys(_SUMS, 0.0)
        return batches
    set_random_state(progress.epoch_random)
    iterator = iter(batches)
    skipped = sum(1 for _ in islice(iterator, progress.step))
    if skipped < progress.step:
        raise ValueError(f"`batches` must be those of the run that is continued. Got {skipped}, fewer than were done.")
    set_random_state(now)
    return iterator


def _step(run: TrainingRun, progress: Progress, batch: Any) -> None:
    """Learn from one batch."""
    device = model_device(run.model)
    target = moved(model_target(batch), device)
    run.optimizer.zero_grad()
    with torch.enable_grad():
        output = call_model(run.model, batch, device)
        loss = run.loss(output, target)
        # Averaged over processes, so that all fail if one does.
        value = _finite(averaged(_checked(loss, batch)))
        penalty = run.penalty() if run.penalty is not None else loss.new_zeros(())
        (loss + penalty).backward()
    for tensor in run.moving.values():
        if isinstance(tensor, nn.Parameter) and tensor.grad is not None:
            tensor.grad = averaged(tensor.grad)
    run.optimizer.step()
    run.after_step()
    size = batch_size(batch)
    correct, answers = _answers(output, target)
    seen = {"loss": value * size, "penalty": float(penalty.detach()) * size, "samples": float(size)}
    for name, amount in {**seen, "correct": correct, "answers": answers}.items():
        progress.sums[name] += amount


def _answers(output: Any, target: Any) -> tuple[float, float]:
    """Return right answers and questions; NaN where targets are not classes."""
    right = right_answers(model_logits(output), target)
    return (math.nan, math.nan) if right is None else (float(right.sum()), float((target >= 0).sum()))


def _checked(loss: Tensor, batch: Any) -> Tensor:
    """Return a loss, NaN where the batch holds inputs that are not finite: a converter may have clipped them."""
    return loss.detach() * math.nan if non_finite_input(batch) else loss.detach()


def _finite(loss: Tensor) -> float:
    """Return a loss as a number."""
    value = float(loss)
    if not math.isfinite(value):
        raise FloatingPointError(
            f"The loss is {value}. What moved was put back. Look for inputs that are NaN or infinite, use a smaller "
            "learning rate, or adapt the batch-norm statistics first (`adapt_batchnorm`)."
        )
    return value


def _figures(run: TrainingRun, progress: Progress) -> dict[str, float]:
    """Return the figures of an epoch, over all processes."""
    device = model_device(run.model)
    sums = torch.tensor([progress.sums[name] for name in _SUMS], dtype=torch.float64, device=device)
    # Losses are averages over processes already, and weighted by the samples of this one.
    total = dict(zip(_SUMS, summed(sums).tolist(), strict=True))
    row = {
        "loss": total["loss"] / max(total["samples"], 1.0),
        "accuracy": total["correct"] / total["answers"] if total["answers"] else math.nan,
        "learning_rate": float(run.optimizer.param_groups[0]["lr"]),
    }
    if run.penalty is not None:
        row["penalty"] = total["penalty"] / max(total["samples"], 1.0)
    if run.validation is not None:
        row["validation_loss"] = _validate(run, run.validation)
    return row | dict(run.figures())


@torch.no_grad()
def _validate(run: TrainingRun, batches: Iterable[Any]) -> float:
    """Return the mean loss over validation batches and processes."""
    run.set_validation_modes(run.model)
    device = model_device(run.model)
    total = torch.zeros(2, dtype=torch.float64, device=device)  # loss times samples, samples
    for batch in batches:
        loss = _checked(run.loss(call_model(run.model, batch, device), moved(model_target(batch), device)), batch)
        total += batch_size(batch) * torch.stack([loss.double(), total.new_ones(())])
    require_batches(int(total[1]))
    total = summed(total)
    return _finite(total[0] / total[1])
