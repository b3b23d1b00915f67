"""What a training run is: what moves, by what loss and steps, and when it stops or is kept."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from crossbar.batches import model_logits
from devices.validation import check_integer

Loss = Callable[[Any, Any], Tensor]
MakeOptimizer = Callable[[list[nn.Parameter]], Optimizer]
MakeSchedule = Callable[[Optimizer], LRScheduler]


def class_loss(output: Any, target: Any) -> Tensor:
    """Return the cross-entropy of scores (batch, classes, ...): a tensor, the `logits` of an output, or its first item.

    Raises
    ------
    ValueError
        If these are the scores of tokens, (batch, tokens, vocabulary).
    """
    scores = model_logits(output)
    if _scores_of_tokens(scores, target):
        raise ValueError(
            f"`loss` must be one of tokens for scores (batch, tokens, vocabulary). Got {tuple(scores.shape)} for labels "
            f"{tuple(target.shape)}. Give loss=next_token_loss if labels are the input tokens, or a loss of your own."
        )
    return F.cross_entropy(scores, target)


def _scores_of_tokens(scores: Any, target: Any) -> bool:
    """Return whether classes are the last of three dimensions, and cannot be the second."""
    if not (isinstance(scores, Tensor) and isinstance(target, Tensor) and scores.ndim == 3 and target.ndim == 2):
        return False
    return scores.shape[:2] == target.shape and scores.shape[1] != scores.shape[2]


def set_eval(model: nn.Module) -> None:
    """Read the programmed chip, as in inference."""
    model.eval()


def set_eval_but(norms: Iterable[_BatchNorm]) -> Callable[[nn.Module], None]:
    """Return what reads the programmed chip, as in inference, but lets the statistics of some batch norms move."""
    moving = list(norms)

    def set_modes(model: nn.Module) -> None:
        """Set the flags."""
        model.eval()
        for norm in moving:
            norm.train()

    return set_modes


def nothing() -> None:
    """Do nothing."""


@final
@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """A training run, for `fit`.

    Parameters
    ----------
    model
        The model, unwrapped.
    moving
        Every tensor that moves, by name: parameters that the optimiser steps, and statistics.
    optimizer
        Steps the parameters among them.
    schedule
        Its learning rates, by epochs.
    epochs
        Passes over the batches.
    loss
        Of (output, target).
    validation
        Labelled batches whose loss decides when to stop; None: the training loss decides.
    patience
        Epochs without a lower loss to wait for before going back to the best one; None never stops.
    checkpoint
        File that the run continues from where it exists, and is kept in; None keeps nothing.
    checkpoint_steps
        Steps between two checkpoints within an epoch; None writes one per epoch.
    settings
        What a checkpoint must agree with, as JSON can hold it.
    fixed
        Tensors that do not move and that a checkpoint must agree with, by name.
    progress
        Whether to show progress bars.
    description
        Beside the bars.
    set_modes
        Sets the training flags of the model before every epoch.
    set_validation_modes
        Sets them before every validation.
    penalty
        Added to the loss.
    after_step
        Called after every step of the optimiser: projections.
    after_epoch
        Called after the steps of an epoch: what processes average.
    at_end
        Called once after the last epoch; if it fails, the model is restored too.
    figures
        More numbers for the history, after every epoch.
    """

    model: nn.Module
    moving: Mapping[str, Tensor]
    optimizer: Optimizer
    schedule: LRScheduler
    epochs: int
    loss: Loss
    validation: Iterable[Any] | None = None
    patience: int | None = None
    checkpoint: str | Path | None = None
    checkpoint_steps: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Tensor] = field(default_factory=dict)
    progress: bool = False
    description: str = "training"
    set_modes: Callable[[nn.Module], object] = set_eval
    set_validation_modes: Callable[[nn.Module], object] = set_eval
    penalty: Callable[[], Tensor] | None = None
    after_step: Callable[[], object] = nothing
    after_epoch: Callable[[], object] = nothing
    at_end: Callable[[], object] = nothing
    figures: Callable[[], Mapping[str, float]] = dict

    def __post_init__(self) -> None:
        """Refuse runs that cannot be."""
        check_integer("epochs", self.epochs, at_least=1)
        if self.patience is not None:
            check_integer("patience", self.patience, at_least=1, hint="Use None to never stop.")
        if self.checkpoint_steps is not None:
            check_integer("checkpoint_steps", self.checkpoint_steps, at_least=1)
            if self.checkpoint is None:
                raise ValueError("`checkpoint_steps` needs a file. Got checkpoint=None.")


def moving_tensors(
    model: nn.Module, parameters: Iterable[nn.Parameter], norms: Iterable[_BatchNorm]
) -> dict[str, Tensor]:
    """Return parameters and the buffers of batch norms by their names in the model."""
    wanted = {id(p) for p in parameters} | {id(buffer) for norm in norms for buffer in norm.buffers()}
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor for name, tensor in named if id(tensor) in wanted}
