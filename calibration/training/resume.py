"""How far a run is, on disk: kept at any step, and taken up again."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from calibration.support.distributed import gathered_objects, processes, rank
from calibration.training.checkpoint import load_checkpoint, random_state, save_checkpoint, set_random_state
from calibration.training.early_stop import EarlyStop
from calibration.training.run import TrainingRun


@dataclass(kw_only=True)
class Progress:
    """How far a run is."""

    settings: str
    """What a checkpoint must agree with."""
    epoch: int = 0
    """Epochs done."""
    step: int = 0
    """Batches of the present epoch done."""
    seconds: float = 0.0
    """Time that they took [s]."""
    rows: list[dict[str, float]] = field(default_factory=list)
    """Figures of the epochs done."""
    sums: dict[str, float] = field(default_factory=dict)
    """Sums over the batches of the present epoch."""
    epoch_random: list[Tensor] = field(default_factory=list)
    """State of torch's default generators when it began."""


def keep(run: TrainingRun, progress: Progress, stop: EarlyStop) -> None:
    """Write the checkpoint, if the run has one; the first process of a group writes for all."""
    if run.checkpoint is None:
        return
    parameters = {name: t.detach() for name, t in run.moving.items() if isinstance(t, nn.Parameter)}
    own = {
        "statistics": {name: t.detach() for name, t in run.moving.items() if name not in parameters},
        "sums": progress.sums,
        "random": random_state(),
        "epoch_random": progress.epoch_random,
    }
    everyone = gathered_objects(own)
    if rank() == 0:
        state = {
            "epoch": progress.epoch,
            "step": progress.step,
            "seconds": progress.seconds,
            "rows": progress.rows,
            "parameters": parameters,
            "optimizer": run.optimizer.state_dict(),
            "schedule": run.schedule.state_dict(),
            "stop": stop.state(),
            "processes": everyone,
        }
        save_checkpoint(Path(run.checkpoint), state, settings=progress.settings)


@torch.no_grad()
def continue_from_checkpoint(run: TrainingRun, stop: EarlyStop) -> Progress:
    """Return how far the run is, and bring everything that moves there; the beginning where there is no checkpoint."""
    if run.checkpoint is None:
        return Progress(settings="")
    settings = _settings(run)
    state = load_checkpoint(Path(run.checkpoint), settings=settings)
    if state is None:
        return Progress(settings=settings)
    own = state["processes"][rank()]
    for name, value in {**state["parameters"], **own["statistics"]}.items():
        run.moving[name].copy_(value)
    run.optimizer.load_state_dict(state["optimizer"])
    run.schedule.load_state_dict(state["schedule"])
    stop.load_state(state["stop"])
    set_random_state(own["random"])
    return Progress(
        settings=settings,
        epoch=state["epoch"],
        step=state["step"],
        seconds=state["seconds"],
        rows=state["rows"],
        sums=own["sums"],
        epoch_random=own["epoch_random"],
    )


def _settings(run: TrainingRun) -> str:
    """Return what a checkpoint must agree with, as text."""
    shapes = {name: list(tensor.shape) for name, tensor in run.moving.items()}
    common = {"epochs": run.epochs, "patience": run.patience, "processes": processes(), "moving": shapes}
    return json.dumps({**common, "fixed": _digest(run.fixed), **run.settings}, sort_keys=True)


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of tensors and their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def fixed_tensors(model: nn.Module, moving: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the saved tensors of a model that do not move, its chip included."""
    left_out = {id(tensor) for tensor in moving.values()}
    return {
        name: tensor
        for name, tensor in model.state_dict(keep_vars=True).items()
        if isinstance(tensor, Tensor) and id(tensor) not in left_out
    }
