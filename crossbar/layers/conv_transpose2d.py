"""Transposed convolution over two spatial dimensions, on crossbars."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from crossbar.layers.transposed_convolution import AbstractAnalogTransposedConvolution


class AnalogConvTranspose2d(AbstractAnalogTransposedConvolution):
    """`nn.ConvTranspose2d` on crossbars."""

    digital_class = nn.ConvTranspose2d
    vector_dimensions = 3

    @staticmethod
    def convolve_transposed() -> Callable[..., Tensor]:
        """Return `torch.nn.functional.conv_transpose2d`."""
        return F.conv_transpose2d
