"""Layers that compute what those of other libraries compute, and bear their names, without the libraries."""

import torch
import torch.nn.functional as F
from torch import nn


def named(name):
    """Give a class the full name of another library's."""

    def rename(cls):
        cls.__module__, _, cls.__qualname__ = name.rpartition(".")
        return cls

    return rename


@named("transformers.pytorch_utils.Conv1D")
class Conv1D(nn.Module):
    def __init__(self, outputs, inputs):
        super().__init__()
        self.nf, self.nx = outputs, inputs
        self.weight, self.bias = nn.Parameter(0.3 * torch.randn(inputs, outputs)), nn.Parameter(torch.randn(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias


def _standardised(layer):
    mean = layer.weight.mean((1, 2, 3), keepdim=True)
    spread = layer.weight.var((1, 2, 3), keepdim=True, correction=0)
    return (layer.weight - mean) / (spread + layer.eps).sqrt()


@named("timm.layers.std_conv.StdConv2d")
class StdConv2d(nn.Conv2d):
    eps = 1e-6

    def forward(self, x):
        return F.conv2d(x, _standardised(self), self.bias, self.stride, self.padding, self.dilation, self.groups)


@named("timm.layers.std_conv.ScaledStdConv2dSame")
class ScaledStdConv2dSame(nn.Conv2d):
    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        self.eps, self.scale, self.same_pad = 1e-6, 0.2, True
        self.gain = nn.Parameter(torch.rand(self.out_channels, 1, 1, 1) + 0.5)

    def forward(self, x):
        weight = _standardised(self) * self.gain * self.scale
        amounts = []
        for n, k, s, d in zip(x.shape[-2:], self.kernel_size, self.stride, self.dilation, strict=True):
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            amounts = [total // 2, total - total // 2, *amounts]
        return F.conv2d(F.pad(x, amounts), weight, self.bias, self.stride, 0, self.dilation, self.groups)


def _multi_step(base, name):
    def forward(self, x):
        if self.step_mode == "s":
            return base.forward(self, x)
        return base.forward(self, x.flatten(0, 1)).unflatten(0, x.shape[:2])

    def init(self, *args, step_mode="s", **settings):
        base.__init__(self, *args, **settings)
        self.step_mode = step_mode

    return named(f"spikingjelly.activation_based.layer.{name}")(
        type(name, (base,), {"__init__": init, "forward": forward})
    )


SpikingConv2d = _multi_step(nn.Conv2d, "Conv2d")
SpikingConvTranspose1d = _multi_step(nn.ConvTranspose1d, "ConvTranspose1d")
