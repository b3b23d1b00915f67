"""Scores of chips whose read noise is drawn from a seed."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from crossbar.classification import ClassScore, class_score


def seeded_score(model: nn.Module, batches: Iterable[Any], seed: int) -> ClassScore:
    """Return how well the model answers in eval mode, read noise seeded; torch's own stream is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return class_score(model, batches)
