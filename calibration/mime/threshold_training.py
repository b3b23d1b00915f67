"""What the training loop does for thresholds: a penalty, a projection, and their mean in the history."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from calibration.mime.attach import named_thresholds
from calibration.mime.penalty import Penalty
from calibration.mime.threshold import Threshold


@final
@dataclass(frozen=True, kw_only=True)
class ThresholdTraining:
    """Hooks of a `TrainingRun` that moves thresholds."""

    thresholds: tuple[Threshold, ...]
    """All of the model."""
    penalty_of: Penalty
    """Added to the loss."""

    def penalty(self) -> Tensor:
        """Return the penalty of the present thresholds."""
        return self.penalty_of(list(self.thresholds))

    def project(self) -> None:
        """Raise negative thresholds to 0."""
        for threshold in self.thresholds:
            threshold.project()

    def figures(self) -> dict[str, float]:
        """Return the mean threshold."""
        values = [threshold.threshold.detach().flatten() for threshold in self.thresholds]
        return {"threshold": float(torch.cat(values).mean()) if values else 0.0}


def threshold_training(model: nn.Module, penalty: Penalty) -> ThresholdTraining:
    """Return the hooks for a model's thresholds."""
    return ThresholdTraining(thresholds=tuple(module for _, module in named_thresholds(model)), penalty_of=penalty)
