"""ADC ranges from calibration."""

from typing import ClassVar, final

from torch import Tensor

from crossbar.array.corrections.base import AbstractCorrection


@final
class ConverterSteps(AbstractCorrection):
    """The current of one ADC code of every bit line; a current, so that it outlives drift and chips of the same shape."""

    fitted_to_chip: ClassVar[bool] = False

    steps: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("steps", None)

    def fits(self, outputs: int, conversions: tuple[int, ...]) -> bool:
        """Return whether there is a step for every bit line."""
        return self.steps is None or tuple(self.steps.shape) == conversions

    def converter_steps(self) -> Tensor | None:
        """Return the steps [S x pulse units], (tiles, cols)."""
        return self.steps
