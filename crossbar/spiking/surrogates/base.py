"""What stands for the derivative of a spike."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from crossbar.converters import straight_through


class AbstractSurrogate(ABC):
    """A smooth step whose derivative a spike has in the backward pass; forward, a spike is a spike."""

    @abstractmethod
    def smooth(self, excess: Tensor) -> Tensor:
        """Return the smooth step, rising by at most 1, of the membrane's excess over its threshold, in thresholds."""

    def spikes(self, excess: Tensor) -> Tensor:
        """Return 1 where the excess is not negative and 0 elsewhere, with the gradient of the smooth step."""
        fired = (excess.detach() >= 0).to(excess.dtype)
        if not (excess.requires_grad and torch.is_grad_enabled()):
            return fired
        return straight_through(self.smooth(excess), fired)
