"""The activation of MIME: a learned threshold per neuron in place of ReLU (arXiv 2204.05274).

Only the abstract of the paper is public to us: the activation, its gradients and the loss are a reconstruction.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from calibration.mime.surrogates import AbstractSurrogate, TriangularSurrogate
from devices.validation import check_choice, check_nonnegative

Granularity = Literal["neuron", "channel", "layer"]
InputGradient = Literal["jump", "value"]


class Threshold(nn.Module):
    """Passes values at or above a threshold T >= 0 and zeroes the rest: `a = y [y >= T]`. T = 0 is exactly ReLU.

    With the pulse h of a surrogate, the gradients are `da/dT = -y h(y - T)` and `da/dy = [y >= T] + T h(y - T)`: the
    function jumps by T, so T = 0 has exactly ReLU's gradient. `input_gradient="value"` takes `y h(y - T)` instead, the
    product rule with h for the step's derivative.

    A negative entry of `threshold` acts as 0, and its gradient passes, so that an optimiser can bring it back.

    Parameters
    ----------
    neurons
        Shape of the activation of one sample, e.g. (channels, height, width).
    granularity
        One threshold per neuron, per channel (the first dimension), or one for the layer.
    initial
        Starting value of every threshold, in units of the activation.
    surrogate
        Pulse that stands for the step's derivative. Default: `TriangularSurrogate()`.
    input_gradient
        What multiplies the pulse in the gradient of the input.
    replaces
        What this activation stands in for, shown in printouts.
    """

    def __init__(
        self,
        neurons: Sequence[int],
        *,
        granularity: Granularity = "neuron",
        initial: float = 0.0,
        surrogate: AbstractSurrogate | None = None,
        input_gradient: InputGradient = "jump",
        replaces: str = "",
    ) -> None:
        """Start every threshold at `initial`."""
        super().__init__()
        check_nonnegative("initial", initial, hint="Thresholds below 0 would pass negative activations.")
        check_choice("input_gradient", input_gradient, ("jump", "value"))
        self.neurons = tuple(neurons)
        self.granularity = granularity
        self.surrogate = TriangularSurrogate() if surrogate is None else surrogate
        self.input_gradient = input_gradient
        self.replaces = replaces
        self.threshold = nn.Parameter(torch.full(threshold_shape(self.neurons, granularity), float(initial)))

    def forward(self, y: Tensor) -> Tensor:
        """Apply the thresholds to (batch, *neurons)."""
        if y.shape[1:] != self.neurons:
            raise ValueError(
                f"`y` must be (batch, {', '.join(map(str, self.neurons))}), the shape that this threshold was made "
                f"for. Got {tuple(y.shape)}. Attach thresholds again with an input of the new size."
            )
        output: Tensor = _Step.apply(y, self.threshold, self.surrogate, self.input_gradient)
        return output

    @torch.no_grad()
    def project(self) -> None:
        """Raise negative thresholds to 0, as training does after every step."""
        self.threshold.clamp_(min=0)

    def extra_repr(self) -> str:
        """Describe the thresholds in a model's printout."""
        text = f"{'x'.join(map(str, self.neurons))} neurons, one per {self.granularity}"
        return text + (f", replaces {self.replaces}" if self.replaces else "")


def threshold_shape(neurons: tuple[int, ...], granularity: Granularity) -> tuple[int, ...]:
    """Return the shape of the thresholds of a layer, broadcastable to its neurons."""
    check_choice("granularity", granularity, ("neuron", "channel", "layer"))
    if granularity == "neuron":
        return neurons
    ones = (1,) * (len(neurons) - 1)
    return ((neurons[0] if granularity == "channel" else 1), *ones) if neurons else ()


class _Step(torch.autograd.Function):
    """The thresholded activation with surrogate gradients."""

    @staticmethod
    def forward(
        context: Any, y: Tensor, threshold: Tensor, surrogate: AbstractSurrogate, input_gradient: InputGradient
    ) -> Tensor:
        """Zero what is below its threshold."""
        threshold = threshold.clamp(min=0)
        context.save_for_backward(y, threshold)
        context.surrogate, context.input_gradient = surrogate, input_gradient
        # This way round, NaN passes as it does through ReLU.
        return torch.where(y < threshold, 0, y)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Let the surrogate's pulse stand for the derivative of the step."""
        y, threshold = context.saved_tensors
        gradient = gradients[0]
        pulse = context.surrogate.slope(y - threshold)
        height = threshold if context.input_gradient == "jump" else y
        passes = (y >= threshold) & (y > 0)  # the derivative of torch's ReLU at 0 is 0
        toward_input = gradient * (passes + height * pulse) if context.needs_input_grad[0] else None
        toward_threshold = None
        if context.needs_input_grad[1]:
            toward_threshold = (gradient * -y * pulse).sum_to_size(threshold.shape)
        return toward_input, toward_threshold, None, None
