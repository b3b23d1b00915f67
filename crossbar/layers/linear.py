"""Fully connected layer on crossbars."""

from typing import Self, cast

import torch.nn.functional as F
from torch import Tensor, nn

from crossbar.array import CrossbarArray
from crossbar.config import CrossbarConfig
from crossbar.layers.base import AbstractAnalogLayer, set_parameters


class AnalogLinear(AbstractAnalogLayer):
    """`nn.Linear` on crossbars: word lines are input features, bit lines output features."""

    digital_class = nn.Linear
    vector_dimensions = 1

    def __init__(self, weight: nn.Parameter, bias: nn.Parameter | None, config: CrossbarConfig) -> None:
        super().__init__()
        self.weight = weight
        self.bias = bias
        self.out_features, self.in_features = weight.shape
        self.array = CrossbarArray(config)

    @classmethod
    def from_digital(cls, module: nn.Module, config: CrossbarConfig) -> Self:
        """Return an analog layer with the parameters of an `nn.Linear`."""
        if not isinstance(module, nn.Linear):
            raise TypeError(f"`module` must be nn.Linear. Got {type(module).__name__}.")
        return cls(cast(nn.Parameter, module.weight), cast(nn.Parameter | None, module.bias), config)

    def to_digital(self) -> nn.Linear:
        """Return an `nn.Linear` with the ideal weights."""
        module = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None, device="meta")
        set_parameters(module, self.weight, self.bias)
        return module

    def weight_matrix(self) -> Tensor:
        """Return the ideal weights, (in_features, out_features)."""
        return self.weight.t()

    def linear_map(self, x: Tensor, weight: Tensor) -> Tensor:
        """Multiply (..., in_features) with (out_features, in_features)."""
        return F.linear(x, weight)

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
