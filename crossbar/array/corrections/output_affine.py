"""A scale and an offset of every output."""

from typing import ClassVar, final

from torch import Tensor

from crossbar.array.corrections.base import AbstractCorrection


@final
class OutputAffine(AbstractCorrection):
    """Scale and offset of each output, before the bias (Rasch et al., Nature Communications 14, 5282 (2023))."""

    fitted_to_chip: ClassVar[bool] = True

    scale: Tensor | None
    offset: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", None)
        self.register_buffer("offset", None)

    def output_gain(self) -> Tensor | None:
        """Return the scale, (outputs,)."""
        return self.scale

    def output_offset(self) -> Tensor | None:
        """Return the offset, (outputs,)."""
        return self.offset
