"""A learning rate that falls to 0 along a cosine."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from devices.validation import check_integer


def cosine_schedule(optimizer: Optimizer, epochs: int) -> LRScheduler:
    """Return the schedule of rates `rate * (1 + cos(pi * epoch / epochs)) / 2`."""
    check_integer("epochs", epochs, at_least=1)
    return LambdaLR(optimizer, lambda epoch: 0.5 * (1 + math.cos(math.pi * epoch / epochs)))
