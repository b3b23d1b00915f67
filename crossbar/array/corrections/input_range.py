"""A static input range, calibrated or given by the config."""

from typing import ClassVar, final

from torch import Tensor

from crossbar.array.corrections.base import AbstractCorrection


@final
class InputRange(AbstractCorrection):
    """What the largest input code stands for, where the range is static."""

    fitted_to_chip: ClassVar[bool] = False

    bounds: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bounds", None)

    def input_range(self) -> Tensor | None:
        """Return the smallest and the largest input, (2,)."""
        return self.bounds
