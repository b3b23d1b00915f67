"""How numbers are presented to a spiking network over time steps."""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

Coding = Literal["direct", "rate"]
"""The input itself at every step, or random spikes whose mean is the input."""


def presented(x: Tensor, steps: int, coding: Coding, *, running: bool) -> Iterator[Tensor]:
    """Yield the input of every time step, of the shape of `x`.

    Parameters
    ----------
    x
        Inputs, (batch, ...).
    steps
        Number of steps.
    coding
        With "rate", a spike has the height of the largest |x| of its sample, the sign of its input, and the probability
        |x| over that; it is drawn from torch's default stream.
    running
        Whether the network takes the running total of what it is to get in all steps: the input itself, or the sum of
        the spikes so far over the number of steps.
    """
    if coding == "direct":
        for _ in range(steps):
            yield x
        return
    height = x.abs().flatten(1).amax(1).view(-1, *(1,) * (x.ndim - 1)) if x.numel() else x
    chance = x.abs() / height.clamp(min=torch.finfo(x.dtype).tiny)
    amplitude = x.sign() * height
    count = torch.zeros_like(x)
    for _ in range(steps):
        spikes = torch.bernoulli(chance)
        count += spikes
        yield (count * (amplitude / steps)) if running else spikes * amplitude
