"""Convolution over one spatial dimension, on crossbars."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from crossbar.layers.convolution import AbstractAnalogConvolution


class AnalogConv1d(AbstractAnalogConvolution):
    """`nn.Conv1d` on crossbars."""

    digital_class = nn.Conv1d
    vector_dimensions = 2

    @staticmethod
    def convolve() -> Callable[..., Tensor]:
        """Return `torch.nn.functional.conv1d`."""
        return F.conv1d
