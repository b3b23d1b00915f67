"""What training adds to the loss of a task, of its thresholds."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from calibration.mime.threshold import Threshold
from devices.validation import check_choice, check_nonnegative

Reward = Literal["high", "low"]
Penalty = Callable[[list[Threshold]], Tensor]


def exponential_penalty(beta: float, reward: Reward) -> Penalty:
    """Return `beta * sum exp(-T)`, which rewards high thresholds and so sparsity, or `beta * sum exp(T)`.

    The sum runs over neurons: a threshold that many share counts for each of them. The sign of the exponent is not in
    the public abstract of arXiv 2204.05274; exp(-T) is the penalty of dynamic sparse training (Liu et al., ICLR 2020).
    """
    check_nonnegative("beta", beta, hint='Use reward="low" to keep thresholds low.')
    check_choice("reward", reward, ("high", "low"))
    sign = -1.0 if reward == "high" else 1.0

    def penalty(thresholds: list[Threshold]) -> Tensor:
        """Return the penalty of the thresholds of a model."""
        if beta == 0 or not thresholds:
            return torch.zeros(())
        return beta * torch.stack([_sum(threshold, sign) for threshold in thresholds]).sum()

    return penalty


def _sum(threshold: Threshold, sign: float) -> Tensor:
    return torch.exp(sign * threshold.threshold).expand(threshold.neurons).sum()
