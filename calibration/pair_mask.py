"""Training which weights of a chip stay, where none of them can be chosen: a binary mask of pairs by edge-popup."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from torch import Tensor, nn

from calibration.support.distributed import unwrapped
from calibration.training import (
    Loss,
    MakeOptimizer,
    MakeSchedule,
    TrainingRun,
    class_loss,
    cosine_schedule,
    fit,
    fixed_tensors,
)
from crossbar.array.acting import act_as, acting_weights
from crossbar.conversion import analog_layers, named_analog_layers
from crossbar.converters.straight_through import straight_through
from crossbar.layers import AbstractAnalogLayer
from crossbar.random_memory import require_pairs, reset_pairs
from devices.arguments import checked
from devices.randomness import generator_of
from devices.validation import FieldValueError, check_integer


def score_optimizer(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """Return SGD with the learning rate 0.1 and momentum 0.9, as edge-popup trains scores (arXiv 1911.13299)."""
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9)


class PairMask(nn.Module):
    """Keeps the weights with the highest scores and sets the others to 0; scores learn straight through the mask.

    Ramanujan et al., "What's hidden in a randomly weighted neural network?", CVPR 2020, arXiv 1911.13299.

    Parameters
    ----------
    weight
        The weight a layer acts as, (outputs, inputs per group).
    kept
        Share of the weights that stay.
    generator
        Source of the first scores.
    """

    def __init__(self, weight: Tensor, kept: float, generator: torch.Generator | None) -> None:
        super().__init__()
        bound = 1 / math.sqrt(weight.shape[1])
        home = weight.device if generator is None else generator.device
        first = torch.rand(weight.shape, generator=generator, device=home, dtype=weight.dtype)
        self.scores = nn.Parameter((2 * first - 1).mul_(bound).to(weight.device))
        self.weight = weight
        self.kept = kept

    def mask(self) -> Tensor:
        """Return which weights stay, bool, (outputs, inputs per group)."""
        flat = self.scores.detach().flatten()
        chosen = torch.zeros_like(flat, dtype=torch.bool)
        chosen[flat.topk(max(1, round(self.kept * len(flat)))).indices] = True
        return chosen.view(self.scores.shape)

    def forward(self) -> Tensor:
        """Return the weight with 0 where it does not stay."""
        return self.weight * straight_through(self.scores, self.mask().to(self.weight.dtype))


@checked
def train_pair_mask(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    kept: float = 0.5,
    epochs: int = 5,
    optimizer: MakeOptimizer = score_optimizer,
    schedule: MakeSchedule | None = None,
    loss: Loss = class_loss,
    validation: Iterable[Any] | None = None,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_steps: int | None = None,
    progress: bool = False,
    generator: torch.Generator | None = None,
    seed: int | None = None,
) -> xr.Dataset:
    """Learn which weights of a programmed chip stay, and reset the pairs of all others; no weight is ever chosen.

    Meant for cells as formed (`devices.AsFormedProgramming`). Scores learn through the weights that the chip acts as,
    without converters and read noise; where wires carry much current, what is reset changes the other weights a little.

    Parameters
    ----------
    model
        A programmed analog model whose weights are pairs of cells.
    batches
        Labelled batches, as for `finetune`; iterated once per epoch.
    kept
        Share of the weights of each layer that stay, in (0, 1].
    epochs
        Passes over `batches`.
    optimizer, schedule, loss
        As for `finetune`, of the scores. Default: SGD as in edge-popup, its learning rate falling along a cosine.
    validation, patience, checkpoint, checkpoint_steps, progress
        As for `finetune`.
    generator
        Source of the first scores.
    seed
        In place of `generator`: that of `torch.Generator().manual_seed(seed)`.

    Returns
    -------
    xr.Dataset
        The history, as from `finetune`.

    Raises
    ------
    ValueError
        If the weights of a layer are not pairs of cells, `kept` lies outside of (0, 1], or both `generator` and `seed`
        are given.
    RuntimeError
        If a layer is not programmed.
    FloatingPointError
        If the loss or an input is not finite; the chip is left as it was.
    """
    generator = generator_of(generator, seed)
    check_integer("epochs", epochs, at_least=1)
    if not 0 < kept <= 1:
        raise FieldValueError(f"`kept` must lie in (0, 1]. Got {kept!r}. It is the share of weights that stay.", "kept")
    model = unwrapped(model)
    analog_layers(model)
    layers = dict(named_analog_layers(model))
    for name, layer in layers.items():
        require_pairs(name, layer.array)
    masks = {name: PairMask(layer.array.effective_weight, kept, generator) for name, layer in layers.items()}
    moving = {f"{name}.scores": mask.scores for name, mask in masks.items()}
    steps = optimizer(list(moving.values()))
    run = TrainingRun(
        model=model,
        moving=moving,
        optimizer=steps,
        schedule=cosine_schedule(steps, epochs) if schedule is None else schedule(steps),
        epochs=epochs,
        loss=loss,
        validation=validation,
        patience=patience,
        checkpoint=checkpoint,
        checkpoint_steps=checkpoint_steps,
        settings={"kept": kept},
        fixed={} if checkpoint is None else fixed_tensors(model, moving),
        progress=progress,
        description="mask of pairs",
    )
    hooks = [_masked(layer, masks[name]) for name, layer in layers.items()]
    try:
        with acting_weights(layer.array for layer in layers.values()):
            history = fit(run, batches)
    finally:
        for hook in hooks:
            hook.remove()
    reset_pairs(model, {name: ~mask.mask().t() for name, mask in masks.items()})
    return history


def _masked(layer: AbstractAnalogLayer, mask: PairMask) -> torch.utils.hooks.RemovableHandle:
    """Read a layer as its masked weight whenever it is called."""
    return layer.register_forward_pre_hook(lambda *_: act_as(layer.array, mask()))
