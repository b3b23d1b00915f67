"""Fully connected layer on crossbars."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crossbar.config import CrossbarConfig
from crossbar.layers.base import AbstractAnalogLayer
from crossbar.layers.settings import check_settings


class AnalogLinear(AbstractAnalogLayer):
    """`nn.Linear` on crossbars: word lines are input features, bit lines output features.

    Made and initialised as `nn.Linear` is, with `config` as one more argument, or `from_digital`.
    """

    digital_class = nn.Linear
    vector_dimensions = 1

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        config: CrossbarConfig,
    ) -> None:
        super().__init__()
        check_settings(in_features=in_features, out_features=out_features, bias=bias)
        self._replace(nn.Linear(in_features, out_features, bias, device, dtype), config)

    def hold(self, module: nn.Module) -> None:
        """Take over the parameters of an `nn.Linear`."""
        self.weight, self.bias = cast(nn.Parameter, module.weight), cast(nn.Parameter | None, module.bias)
        self.out_features, self.in_features = self.weight.shape

    def weight_matrix(self) -> Tensor:
        """Return the ideal weights, (in_features, out_features)."""
        return self.weight.t()

    def linear_map(self, x: Tensor, weight: Tensor) -> Tensor:
        """Multiply (..., in_features) with (out_features, in_features)."""
        return F.linear(x, weight)

    def shape_weight(self, matrix: Tensor) -> Tensor:
        """Return the matrix, which has the shape of a weight."""
        return matrix

    def input_vectors(self, codes: Tensor) -> Tensor:
        """Flatten the batch dimensions, (vectors, in_features)."""
        return codes.reshape(-1, self.in_features)

    def assemble(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Restore the batch dimensions, (..., out_features)."""
        return outputs.reshape(*x.shape[:-1], self.out_features)

    def bias_view(self) -> Tensor | None:
        """Return the bias, (out_features,)."""
        return self.bias

    def check_input(self, x: Tensor) -> None:
        """Raise unless `x` is (..., in_features)."""
        if x.shape[-1] != self.in_features:
            raise ValueError(f"`x` must have {self.in_features} features (last dimension). Got shape {tuple(x.shape)}.")

    def extra_repr(self) -> str:
        """Describe the layer in a model's printout."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
