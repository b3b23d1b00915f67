"""Transposed convolution over one spatial dimension, on crossbars."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from crossbar.layers.transposed_convolution import AbstractAnalogTransposedConvolution


class AnalogConvTranspose1d(AbstractAnalogTransposedConvolution):
    """`nn.ConvTranspose1d` on crossbars."""

    digital_class = nn.ConvTranspose1d
    vector_dimensions = 2

    @staticmethod
    def convolve_transposed() -> Callable[..., Tensor]:
        """Return `torch.nn.functional.conv_transpose1d`."""
        return F.conv_transpose1d
