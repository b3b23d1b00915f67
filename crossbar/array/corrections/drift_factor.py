"""Drift compensation: a factor on what the arrays give."""

from typing import ClassVar, final

from torch import Tensor

from crossbar.array.corrections.base import AbstractCorrection


@final
class DriftFactor(AbstractCorrection):
    """What brings the currents of drifted cells back, for the layer or for each output.

    It acts before digital offsets are subtracted: those do not drift.
    """

    fitted_to_chip: ClassVar[bool] = True

    factor: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("factor", None)

    def array_gain(self) -> Tensor | None:
        """Return the factor, () or (outputs,)."""
        return self.factor
