"""How the inputs of a layer reach the word lines of its arrays, and its outputs come together."""

from typing import Protocol

import torch
from torch import Tensor


class Wiring(Protocol):
    """The linear map of a layer, apart from its weights."""

    @property
    def vector_dimensions(self) -> int:
        """Trailing dimensions of the output from the channels on."""

    def linear_map(self, x: Tensor, weight: Tensor) -> Tensor:
        """Apply the map with `weight`, in the shape of `shape_weight`."""

    def shape_weight(self, matrix: Tensor) -> Tensor:
        """Give a matrix (outputs, inputs per group) the shape that `linear_map` takes."""

    def per_output(self, values: Tensor) -> Tensor:
        """Give values, () or (outputs,), a shape that broadcasts to the output."""

    def input_vectors(self, codes: Tensor) -> Tensor:
        """Return the vectors that drive the word lines, (vectors, inputs)."""

    def assemble(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Give outputs (vectors, outputs) the shape of the output for the input `x`."""


class VectorWiring:
    """Vectors that drive the word lines as they are, (vectors, inputs) -> (vectors, outputs).

    Parameters
    ----------
    groups
        Independent blocks of the weight matrix.
    """

    vector_dimensions = 1

    def __init__(self, groups: int) -> None:
        self.groups = groups

    def linear_map(self, x: Tensor, weight: Tensor) -> Tensor:
        """Multiply (vectors, inputs) with (outputs, inputs per group)."""
        grouped = x.reshape(len(x), self.groups, -1)  # (vectors, groups, inputs per group)
        blocks = weight.view(self.groups, -1, weight.shape[1])  # (groups, outputs per group, inputs per group)
        return torch.einsum("vgi,goi->vgo", grouped, blocks).flatten(1)

    def shape_weight(self, matrix: Tensor) -> Tensor:
        """Return the matrix."""
        return matrix

    def per_output(self, values: Tensor) -> Tensor:
        """Return the values."""
        return values

    def input_vectors(self, codes: Tensor) -> Tensor:
        """Return the vectors."""
        return codes

    def assemble(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Return the outputs."""
        return outputs
