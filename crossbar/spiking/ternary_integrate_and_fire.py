"""The ternary neuron with a bounded count, of SpikeZIP: after enough steps its spikes are a quantised activation."""

from typing import final

import torch
from torch import Tensor

from crossbar.spiking.neuron import check_current
from crossbar.spiking.state import AbstractStateful, State
from devices.validation import check_integer, check_positive


@final
class TernaryIntegrateAndFire(AbstractStateful):
    """A neuron with spikes of both signs that knows how many it has sent.

    It is that of SpikeZIP (You et al., ICML 2024, arXiv 2406.03470). Its membrane starts at one half. It sends +1 where
    the membrane has reached 1 and the count of its spikes is below `highest`, -1 where the membrane is negative and the
    count above `lowest`, and takes what it sent off the membrane. The output is the spike times the threshold. Once
    currents have ended and it is silent, the sum of its output is
    `threshold * clamp(floor(sum of currents / threshold + 1/2), lowest, highest)`: a quantised ReLU for `lowest=0`.

    Parameters
    ----------
    threshold
        Current that is worth one spike.
    highest, lowest
        Bounds of the count.
    """

    def __init__(self, threshold: float = 1.0, *, highest: int = 15, lowest: int = 0) -> None:
        super().__init__()
        check_positive("threshold", threshold)
        check_integer("highest", highest, at_least=1)
        check_integer("lowest", lowest, at_least=-(2**24), at_most=0)
        self.threshold, self.highest, self.lowest = float(threshold), highest, lowest

    @torch.no_grad()
    def forward(self, current: Tensor) -> Tensor:
        """Take the current of one time step and return its spikes times the threshold; no gradient passes.

        Raises
        ------
        TypeError
            If `current` is not of a floating-point type.
        ValueError
            If its shape is not that of the step before.
        """
        check_current(current)
        self.begin_step()
        charge, count = self.recalled(current, _start)
        charge = charge + current
        spikes = ternary_spikes((charge / self.threshold).add_(0.5).floor_(), count, self.lowest, self.highest)
        self.remember((charge, count + spikes))
        return spikes * self.threshold

    @property
    def count(self) -> Tensor | None:
        """The sum of the spikes so far, of the shape of the current; None before the first step."""
        return self._states[0][1] if self._states else None

    def extra_repr(self) -> str:
        """Describe the neurons in a model's printout."""
        return f"threshold={self.threshold:g}, counts {self.lowest} to {self.highest}"


def ternary_spikes(reached: Tensor, count: Tensor, lowest: int, highest: int) -> Tensor:
    """Return the spikes, -1, 0 or 1, of neurons with a `count` of spikes so far.

    `reached` is the whole part of count plus membrane: the membrane has reached 1 where it exceeds the count, and is
    negative where it is below.
    """
    return (reached.clamp(lowest, highest) - count).sign_()


def _start(current: Tensor) -> State:
    return torch.zeros_like(current), torch.zeros_like(current)
