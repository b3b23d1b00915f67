"""An analog layer for a digital one of one's own, as CONTRIBUTING says one is added."""

FILES = {
    "crossbar/layers/channel_mix.py": '''
"""A linear map of the channels at every position of a sequence."""

from typing import cast

import torch
from torch import Tensor, nn

from crossbar.config import CrossbarConfig
from crossbar.layers.base import AbstractAnalogLayer


class ChannelMix(nn.Module):
    """Mix channels: (batch, in_channels, time) -> (batch, out_channels, time)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels) / in_channels**0.5)
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Mix."""
        return torch.einsum("oi,bit->bot", self.weight, x) + self.bias[:, None]


class AnalogChannelMix(AbstractAnalogLayer):
    """`ChannelMix` on crossbars: word lines are input channels, bit lines output channels."""

    digital_class = ChannelMix
    vector_dimensions = 2

    def __init__(self, in_channels: int, out_channels: int, *, config: CrossbarConfig) -> None:
        super().__init__()
        self._replace(ChannelMix(in_channels, out_channels), config)

    def hold(self, module: nn.Module) -> None:
        """Take over the parameters of a `ChannelMix`."""
        self.weight, self.bias = cast(nn.Parameter, module.weight), cast(nn.Parameter | None, module.bias)

    def weight_matrix(self) -> Tensor:
        """Return the ideal weights, (in_channels, out_channels)."""
        return self.weight.t()

    def linear_map(self, x: Tensor, weight: Tensor) -> Tensor:
        """Mix with `weight`."""
        return torch.einsum("oi,bit->bot", weight, x)

    def input_vectors(self, codes: Tensor) -> Tensor:
        """Return the channels at every position, (batch x time, in_channels)."""
        return codes.transpose(1, 2).flatten(0, 1)

    def assemble(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Return (batch, out_channels, time)."""
        return outputs.view(len(x), x.shape[2], outputs.shape[1]).transpose(1, 2)

    def bias_view(self) -> Tensor | None:
        """Return the bias, (out_channels, 1)."""
        return None if self.bias is None else self.bias[:, None]

    def check_input(self, x: Tensor) -> None:
        """Raise unless `x` is (batch, in_channels, time)."""
        if x.ndim != 3 or x.shape[1] != self.weight.shape[1]:
            raise ValueError(f"`x` must be (batch, {self.weight.shape[1]}, time). Got shape {tuple(x.shape)}.")
''',
}
ROWS = (
    (
        "crossbar/layers/__init__.py",
        "from crossbar.layers.conv1d",
        "from crossbar.layers.channel_mix import AnalogChannelMix as AnalogChannelMix\n",
    ),
    ("crossbar/layers/__init__.py", "            AnalogConv1d,\n", "            AnalogChannelMix,\n"),
    (
        "tests/crossbar/layers/test_contract.py",
        '    "conv1d": (',
        '    "channel mix": (lambda: ChannelMix(5, 4), (3, 5, 7)),\n',
    ),
    (
        "tests/crossbar/layers/test_contract.py",
        "\nLAYERS = {",
        "\nfrom crossbar.layers.channel_mix import ChannelMix\n",
    ),
)
SUITES = ("tests/crossbar/layers/test_contract.py", "-k", "channel_mix")
CONFIG = """
device = "RRAM"
"""
CHECK = """
from crossbar.layers.channel_mix import ChannelMix
layer = programmed(xb.CrossbarConfig(mapping=xb.MappingConfig(rows=4, cols=16)), ChannelMix(6, 3))
assert xb.mapping_report(layer).crossbars.sel(mapping="own").item() == 8  # two row blocks, two slices, both signs
"""
MODEL = """
from crossbar.layers.channel_mix import ChannelMix

def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Unflatten(1, (6, 1)), ChannelMix(6, 5), nn.Flatten(), nn.ReLU(), nn.Linear(5, 3))
"""
