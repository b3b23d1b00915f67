"""What a chip's clock changes."""

from collections.abc import Callable

import torch
from torch import Tensor

from crossbar.config import CrossbarConfig


def stands_still(config: CrossbarConfig, conductance: Callable[[float], Tensor], *, now: float, t: float) -> bool:
    """Return whether wires need not be solved again at `t` seconds, because reads are those at `now`."""
    if config.wires.ideal:
        return False
    later = conductance(t)
    if config.fresh_read_noise and t != now:  # which may grow with time
        return False
    return t == now or torch.equal(later, conductance(now))
