"""What activations with few levels share."""

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn

from crossbar.converters import straight_through
from devices.validation import check_integer, check_positive

_SIGNIFICANT_BITS = 8
"""Of a threshold. With so few, sums of levels times weights of 8 bits are exact in double precision, in any order."""


class AbstractQuantisedActivation(nn.Module):
    """An activation with few levels, equally far apart, rounded half up: `threshold * clamp(floor(x / threshold + 1/2))`.

    The distance of the levels, `threshold`, is a parameter, whose gradient is that of learned step sizes (Esser et al.,
    ICLR 2020, arXiv 1902.08153); inputs within the range have the gradient 1. It is used with 8 significant bits.

    Parameters
    ----------
    levels
        Levels above 0.
    maximum
        The largest output, which `quantise_activations` and `calibrate_activations` set from data.
    """

    def __init__(self, levels: int = 15, *, maximum: float = 1.0) -> None:
        super().__init__()
        check_integer("levels", levels, at_least=1, at_most=2**16)
        check_positive("maximum", maximum)
        self.levels = levels
        self.threshold = nn.Parameter(torch.tensor(maximum / levels))

    @property
    @abstractmethod
    def lowest(self) -> int:
        """The smallest code."""

    @property
    def highest(self) -> int:
        """The largest code."""
        return self.levels

    def step(self) -> Tensor:
        """Return the distance of the levels, () > 0, of 8 significant bits, with the gradient of `threshold`."""
        positive = self.threshold.abs().clamp(min=torch.finfo(self.threshold.dtype).tiny)
        mantissa, exponent = torch.frexp(positive.detach())
        unit = 2**_SIGNIFICANT_BITS
        return straight_through(positive, torch.ldexp((mantissa * unit).round() / unit, exponent))

    def reached(self, x: Tensor) -> Tensor:
        """Return the level that is nearest to each input, as an unbounded integer."""
        return x.detach().div(self.step().detach()).add_(0.5).floor_()

    def forward(self, x: Tensor) -> Tensor:
        """Return the nearest levels, of the shape of `x`."""
        if not (torch.is_grad_enabled() and (x.requires_grad or self.threshold.requires_grad)):
            return self.reached(x).clamp_(self.lowest, self.highest).mul_(self.step().detach())
        step = _with_gradient_scale(self.step(), 1 / math.sqrt(max(1, x.numel()) * self.levels))
        units = (x / step).clamp(self.lowest, self.highest)
        return straight_through(units, self.reached(x).clamp_(self.lowest, self.highest)) * step

    def extra_repr(self) -> str:
        """Describe the activation in a model's printout."""
        return f"levels={self.levels}, maximum={self.levels * float(self.step().detach()):g}"


def _with_gradient_scale(value: Tensor, scale: float) -> Tensor:
    """Return `value`, whose gradient will be multiplied by `scale`."""
    return straight_through(value * scale, value)
