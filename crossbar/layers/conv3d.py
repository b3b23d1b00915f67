"""Convolution over three spatial dimensions, on crossbars."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from crossbar.layers.convolution import AbstractAnalogConvolution


class AnalogConv3d(AbstractAnalogConvolution):
    """`nn.Conv3d` on crossbars."""

    digital_class = nn.Conv3d
    vector_dimensions = 4

    @staticmethod
    def convolve() -> Callable[..., Tensor]:
        """Return `torch.nn.functional.conv3d`."""
        return F.conv3d
