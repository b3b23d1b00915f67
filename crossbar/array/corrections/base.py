"""What every correction can do."""

from abc import ABC
from typing import Any, ClassVar

from torch import Tensor, nn

from crossbar.array.wiring import Wiring


class AbstractCorrection(nn.Module, ABC):
    """Numbers in the digital periphery of one layer that were fitted to its inputs or its chip; absent (None) at first.

    They are buffers (or parameters, where they learn) of this module, so they are saved, copied and counted with it. A
    correction acts at the stages whose method it overrides; the others leave everything as it is.
    """

    fitted_to_chip: ClassVar[bool]
    """Whether it is worthless for another chip, and dropped when the arrays are programmed anew."""
    in_training: ClassVar[bool] = False
    """Whether its output stages act on the ideal weights of `train()` mode too."""
    present = False
    """Whether it holds any number."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute, and note whether there is anything to ask for: every stage of every read wants to know."""
        super().__setattr__(name, value)
        if name in self._buffers or name in self._parameters:
            held = (*self._buffers.values(), *self._parameters.values())
            self.__dict__["present"] = any(tensor is not None for tensor in held)

    def fits(self, outputs: int, conversions: tuple[int, ...]) -> bool:
        """Return whether it can stay with arrays of so many outputs and bit lines, (tiles, cols)."""
        return True

    def input_range(self) -> Tensor | None:
        """Return the smallest and the largest input of a static range, (2,)."""
        return None

    def converter_steps(self) -> Tensor | None:
        """Return the current of one ADC code of each bit line [S x pulse units], (tiles, cols)."""
        return None

    def array_gain(self) -> Tensor | None:
        """Return the factor on all that the arrays give, before digital offsets, () or (outputs,)."""
        return None

    def output_gain(self) -> Tensor | None:
        """Return the factor on the outputs, before the bias, () or (outputs,)."""
        return None

    def output_offset(self) -> Tensor | None:
        """Return what is added to the outputs, () or (outputs,)."""
        return None

    def side_path(self, x: Tensor, wiring: Wiring) -> Tensor | None:
        """Return a digital path beside the arrays for the input `x`, in the shape of the output."""
        return None

    def clear(self) -> None:
        """Drop every number."""
        for name in list(self._buffers):
            setattr(self, name, None)
        for name in list(self._parameters):
            setattr(self, name, None)

    def numbers(self) -> int:
        """Return how many numbers it holds."""
        return sum(tensor.numel() for tensor in (*self.parameters(), *self.buffers()))
