"""A layer written as CONTRIBUTING says: one file, one row of the table, and it inherits the contract suite."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from crossbar import conversion
from crossbar.adapters import ADAPTERS
from crossbar.layers import AbstractAnalogLayer
from crossbar.layers.patches import patches
from crossbar.layers.spatial import check_image, to_image
from tests.crossbar.layers import test_contract


class CausalConv1d(nn.Module):
    """A convolution whose outputs see no later inputs."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(5, 3, 4)), nn.Parameter(torch.randn(5))

    def forward(self, x):
        return F.conv1d(F.pad(x, (3, 0)), self.weight, self.bias)


class AnalogCausalConv1d(AbstractAnalogLayer):
    """The same on crossbars."""

    digital_class = CausalConv1d
    vector_dimensions = 2

    def hold(self, module):
        self.weight, self.bias = module.weight, module.bias

    def weight_matrix(self):
        return self.weight.flatten(1).t()

    def linear_map(self, x, weight):
        return F.conv1d(F.pad(x, (3, 0)), weight)

    def input_vectors(self, codes):
        return patches(F.pad(codes, (3, 0)), (4,), (1,), (1,))

    def assemble(self, outputs, x):
        return to_image(outputs, x, x.shape[-1:])

    def bias_view(self):
        return self.bias[:, None]

    def check_input(self, x):
        check_image(x, 3, 1)


@pytest.fixture
def case(monkeypatch):
    monkeypatch.setattr(conversion, "ADAPTERS", {**ADAPTERS, CausalConv1d: AnalogCausalConv1d})
    torch.manual_seed(1)
    return CausalConv1d().eval(), torch.randn(2, 3, 9)


globals().update({name: test for name, test in vars(test_contract).items() if name.startswith("test_")})
