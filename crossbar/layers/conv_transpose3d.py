"""Transposed convolution over three spatial dimensions, on crossbars."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from crossbar.layers.transposed_convolution import AbstractAnalogTransposedConvolution


class AnalogConvTranspose3d(AbstractAnalogTransposedConvolution):
    """`nn.ConvTranspose3d` on crossbars."""

    digital_class = nn.ConvTranspose3d
    vector_dimensions = 4

    @staticmethod
    def convolve_transposed() -> Callable[..., Tensor]:
        """Return `torch.nn.functional.conv_transpose3d`."""
        return F.conv_transpose3d
