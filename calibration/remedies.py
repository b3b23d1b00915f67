"""The remedies of the recovery ladder, cheapest first."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import nn

from calibration.batchnorm import adapt_batchnorm
from calibration.drift import compensate_drift
from calibration.finetune import finetune
from calibration.finetune_batchnorm import finetune_batchnorm
from calibration.low_rank import LOW_RANK_PARAMETERS, attach_low_rank
from calibration.mime import attach_thresholds, calibrate_thresholds
from calibration.output_affine import fit_output_affine
from calibration.support.batches import model_input


class Remedy(NamedTuple):
    """One calibration, as the ladder applies it."""

    apply: Callable[[nn.Module, nn.Module, Iterable[Any]], Any]
    """Calibrates the analog model (first), given the digital one and training batches: in place, or returns another."""
    needs_batchnorm: bool = False
    """Whether it is left out for models without batch norm."""
    needs_relu: bool = False
    """Whether it is left out for models without ReLU modules."""


def _low_rank(model: nn.Module, reference: nn.Module, batches: Iterable[Any]) -> None:
    """Learn rank-4 side paths with Adam."""
    attach_low_rank(model, rank=4, generator=torch.Generator().manual_seed(0))
    finetune(model, batches, [LOW_RANK_PARAMETERS], optimizer=lambda moving: torch.optim.Adam(moving, lr=1e-3))


def _thresholds(model: nn.Module, reference: nn.Module, batches: Iterable[Any]) -> nn.Module:
    """Put thresholds in the place of every ReLU and learn them through the array."""
    held = list(batches)
    replaced = attach_thresholds(model, model_input(held[0])[:1], inplace=True)
    calibrate_thresholds(replaced, held)
    return replaced


REMEDIES: Mapping[str, Remedy] = MappingProxyType(
    {
        "drift": Remedy(lambda model, reference, batches: compensate_drift(model)),
        "drift per column": Remedy(lambda model, reference, batches: compensate_drift(model, granularity="column")),
        "moving statistics": Remedy(lambda m, reference, batches: adapt_batchnorm(m, batches, momentum=0.1), True),
        "exact statistics": Remedy(lambda model, reference, batches: adapt_batchnorm(model, batches), True),
        "output affine": Remedy(fit_output_affine),
        "batch-norm fine-tuning": Remedy(lambda model, reference, batches: finetune_batchnorm(model, batches), True),
        "thresholds": Remedy(_thresholds, needs_relu=True),
        "low rank": Remedy(_low_rank),
    }
)
"""Remedies by name."""

LADDER: tuple[tuple[str, ...], ...] = (
    (),
    ("drift",),
    ("drift per column",),
    ("moving statistics",),
    ("exact statistics",),
    ("output affine",),
    ("output affine", "exact statistics"),
    ("batch-norm fine-tuning",),
    ("exact statistics", "batch-norm fine-tuning"),
    ("thresholds",),
    ("exact statistics", "thresholds"),
    ("low rank",),
    ("exact statistics", "low rank"),
)
"""Sequences of remedies, each from the uncalibrated chip: alone, and where one prepares the next."""
