"""A digital low-rank path beside the arrays."""

import math
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from crossbar.array.corrections.base import AbstractCorrection
from crossbar.array.wiring import Wiring


@final
class LowRankPath(AbstractCorrection):
    """A digital path of low rank, `up(down(x))`, learned beside frozen analog weights (LoRA, Hu et al., ICLR 2022).

    On a chip: Li et al., "Efficient deployment of transformer models in analog in-memory computing hardware", 2024.
    """

    fitted_to_chip: ClassVar[bool] = False
    in_training: ClassVar[bool] = True

    down: nn.Parameter | None
    up: nn.Parameter | None

    def __init__(self) -> None:
        super().__init__()
        self.register_parameter("down", None)
        self.register_parameter("up", None)

    def attach(self, matrix: Tensor, *, groups: int, rank: int, generator: torch.Generator | None = None) -> None:
        """Begin a path beside the weight `matrix` (inputs per group, outputs); it gives zero at first.

        Parameters
        ----------
        matrix
            Weights, for shape, type and device.
        groups
            Independent blocks, each with a path of its own.
        rank
            Rank of each.
        generator
            Source of the initial `down`. Default: torch's own stream.
        """
        inputs, outputs = matrix.shape
        initial = torch.randn(rank * groups, inputs, generator=generator) / math.sqrt(inputs)
        self.down = nn.Parameter(initial.to(matrix))
        self.up = nn.Parameter(matrix.new_zeros(groups, outputs // groups, rank))

    def side_path(self, x: Tensor, wiring: Wiring) -> Tensor | None:
        """Return what the path adds."""
        if self.down is None or self.up is None:
            return None
        channel = -wiring.vector_dimensions
        down, up = self.down.to(x.dtype), self.up.to(x.dtype)
        narrow = wiring.linear_map(x, wiring.shape_weight(down)).movedim(channel, -1)  # (..., groups x rank)
        narrow = narrow.reshape(*narrow.shape[:-1], len(up), -1)
        return torch.einsum("...gr,gor->...go", narrow, up).flatten(-2).movedim(-1, channel)
