"""A static input range, calibrated, given by the config, or learned."""

from typing import ClassVar, final

import torch
from torch import Tensor, nn

from crossbar.array.corrections.base import AbstractCorrection


@final
class InputRange(AbstractCorrection):
    """What the largest input code stands for, where the range is static; a parameter where it learns."""

    fitted_to_chip: ClassVar[bool] = False

    bounds: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bounds", None)

    def learn(self) -> None:
        """Make the range a parameter."""
        bounds = self.bounds
        if bounds is not None and not isinstance(bounds, nn.Parameter):
            del self.bounds
            self.register_parameter("bounds", nn.Parameter(bounds.detach().clone()))

    @torch.no_grad()
    def hold(self, bounds: Tensor | None) -> None:
        """Set the range, (2,) or None; a parameter takes the value and stays one."""
        if isinstance(self.bounds, nn.Parameter) and bounds is not None:
            self.bounds.copy_(bounds)
        else:
            self.bounds = bounds

    def input_range(self) -> Tensor | None:
        """Return the smallest and the largest input, (2,)."""
        if not isinstance(self.bounds, nn.Parameter):
            return self.bounds
        # A step beyond zero turns back instead of turning the range over.
        return torch.stack([-self.bounds[0].abs(), self.bounds[1].abs()])
