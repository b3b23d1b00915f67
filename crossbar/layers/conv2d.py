"""Convolution over two spatial dimensions, on crossbars."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from crossbar.layers.convolution import AbstractAnalogConvolution


class AnalogConv2d(AbstractAnalogConvolution):
    """`nn.Conv2d` on crossbars."""

    digital_class = nn.Conv2d
    vector_dimensions = 3

    @staticmethod
    def convolve() -> Callable[..., Tensor]:
        """Return `torch.nn.functional.conv2d`."""
        return F.conv2d
