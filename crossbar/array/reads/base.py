"""What every way to read arrays can do."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from crossbar.array.collapse import effective_weight
from crossbar.array.crosstalk import cross_product, crosstalk_weight
from crossbar.array.solved import SolvedArrays
from crossbar.array.wiring import Wiring
from crossbar.config import CrossbarConfig
from mapping import Placement


class AbstractRead(nn.Module, ABC):
    """A way to read programmed arrays; its state is buffers, absent until `prepare`.

    Every way knows the one weight that all slices, signs, tiles and wires act as together.

    Parameters
    ----------
    config
        Technology of the arrays.
    """

    weight: Tensor
    crosstalk: Tensor | None
    offset_error: Tensor | None

    def __init__(self, config: CrossbarConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("weight", None)
        self.register_buffer("crosstalk", None)
        self.register_buffer("offset_error", None, persistent=False)

    def prepare(self, solved: SolvedArrays) -> None:
        """Derive from the transfer matrices what reads need."""
        weight = effective_weight(
            solved.placement, self.config.device, solved.transfer, gain=solved.gain, common=solved.common
        )
        self.weight = weight.t().contiguous()  # (outputs, inputs per group)
        self.crosstalk = crosstalk_weight(solved.placement, self.config.device, solved.transfer, gain=solved.gain)
        self._take_offset(solved.placement)
        self.prepare_own(solved)

    @abstractmethod
    def prepare_own(self, solved: SolvedArrays) -> None:
        """Derive what this way needs beside the effective weight."""

    def keep_offset(self) -> None:
        """Let the error of offset inputs be saved: without a placement it cannot be derived."""
        self.register_buffer("offset_error", self.offset_error, persistent=True)

    def freeze(self, dtype: torch.dtype | None) -> None:
        """Hold what was derived in `dtype`; nothing will be derived again."""
        self.keep_offset()
        self.weight = self.weight.to(dtype or self.weight.dtype)
        if self.crosstalk is not None:
            self.crosstalk = self.crosstalk.to(self.weight.dtype)

    @property
    @abstractmethod
    def keeps_transfer(self) -> bool:
        """Whether the transfer matrices have to stay at hand."""

    @abstractmethod
    def read(self, codes: Tensor, wiring: Wiring) -> Tensor:
        """Read input codes: the sums of codes times weights, what the periphery adds included."""

    def read_without_converters(self, codes: Tensor, wiring: Wiring) -> Tensor:
        """Read as if nothing after the arrays were non-linear, and without fresh noise."""
        # A frozen weight may be of half precision, in which codes and sums have too few digits.
        weight = self.weight
        weight = weight if weight.dtype == codes.dtype else weight.to(codes.dtype)
        outputs = wiring.linear_map(codes, wiring.shape_weight(weight))
        if self.crosstalk is not None:
            crossed = cross_product(wiring.input_vectors(codes), self.crosstalk, len(weight))
            outputs = outputs + wiring.assemble(crossed, codes)
        offset_error = self.offset_error
        return outputs if offset_error is None else outputs + wiring.per_output(offset_error)

    def finish_loading(self, placement: Placement) -> None:
        """Derive from loaded buffers what is not stored."""
        self._take_offset(placement)

    def _take_offset(self, placement: Placement) -> None:
        """Keep what the offset of inputs, subtracted for the ideal weights, leaves of the real ones, (outputs,)."""
        offset = self.config.inputs.offset_code
        if not offset:
            self.offset_error = None
            return
        total = self.weight.sum(1)
        if self.crosstalk is not None:
            total = total + self.crosstalk.sum(2).flatten()[: len(total)]
        self.offset_error = offset * (total - placement.to_weight().sum(0))


def offset_output(placement: Placement, config: CrossbarConfig) -> Tensor | None:
    """Return what the offset of inputs adds to each output of ideal weights, (outputs,), or None."""
    offset = config.inputs.offset_code
    return offset * placement.to_weight().sum(0) if offset else None
