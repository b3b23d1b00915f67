"""What every way to read arrays can do."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from crossbar.array.cell_curve import bend_codes, code_worth
from crossbar.array.collapse import digital_weight, effective_weight
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
    code_worth: Tensor | None
    """What input codes from 0 on are worth to the effective weight and to `bent_weights`, where cells are not ohmic,
    (1 + bent weights, codes)."""
    bent_weights: Tensor | None
    """Further weights of cells that are not ohmic, (bent weights, outputs, inputs per group)."""

    def __init__(self, config: CrossbarConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("weight", None)
        self.register_buffer("crosstalk", None)
        self.register_buffer("offset_error", None, persistent=False)
        self.register_buffer("code_worth", None)
        self.register_buffer("bent_weights", None)

    def prepare(self, solved: SolvedArrays) -> None:
        """Derive from the transfer matrices what reads need."""
        weight = effective_weight(
            solved.placement, self.config.device, solved.transfer, gain=solved.gain, common=solved.common
        )
        self.weight = weight.t().contiguous()  # (outputs, inputs per group)
        self.crosstalk = crosstalk_weight(solved.placement, self.config.device, solved.transfer, gain=solved.gain)
        self._take_curve(solved)
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
        if self.bent_weights is not None:
            self.bent_weights = self.bent_weights.to(self.weight.dtype)

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
        driven = codes if self.code_worth is None else bend_codes(codes, self.code_worth[0], self.config.inputs)
        outputs = wiring.linear_map(driven, wiring.shape_weight(weight))
        if self.code_worth is not None and self.bent_weights is not None:
            for worth, bent in zip(self.code_worth[1:], self.bent_weights.to(codes.dtype), strict=True):
                driven = bend_codes(codes, worth, self.config.inputs)
                outputs = outputs + wiring.linear_map(driven, wiring.shape_weight(bent))
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
        if self.code_worth is None or self.bent_weights is None:
            total = offset * total
        else:
            total = self.code_worth[0, offset] * total + self.code_worth[1:, offset] @ self.bent_weights.sum(2)
        self.offset_error = total - offset * placement.to_weight().sum(0)

    def _take_curve(self, solved: SolvedArrays) -> None:
        """Collapse the matrices of cells that are not ohmic; what the periphery adds to a weight is no current."""
        self.code_worth = self.bent_weights = None
        placement, device, curve = solved.placement, self.config.device, solved.curve
        if curve is None:
            return
        worth = code_worth(curve.worth, self.config.inputs)
        bends = [
            effective_weight(placement, device, transfer, gain=solved.gain, digital=False)
            for transfer in curve.transfer
        ]
        digital = digital_weight(placement, device, common=solved.common)
        if digital is not None:
            whole = torch.arange(worth.shape[1], dtype=worth.dtype, device=worth.device)
            worth = torch.cat([worth, (whole - worth[0])[None]])
            bends.append((digital * placement.scale).to(self.weight))
        self.code_worth = worth
        none = self.weight.new_zeros(0, *self.weight.shape)
        self.bent_weights = torch.cat([none, *(bend.t()[None] for bend in bends)])


def offset_output(placement: Placement, config: CrossbarConfig) -> Tensor | None:
    """Return what the offset of inputs adds to each output of ideal weights, (outputs,), or None."""
    offset = config.inputs.offset_code
    return offset * placement.to_weight().sum(0) if offset else None
