"""Weight-standardised convolutions of timm: every output's weights have mean 0 and a given spread."""

from collections.abc import Callable, Sequence
from typing import Any, cast, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crossbar.layers.convolution import AbstractAnalogConvolution


@final
class AnalogStandardisedConv2d(AbstractAnalogConvolution):
    """`StdConv2d` and `ScaledStdConv2d` of timm, and their TensorFlow-padded forms, on crossbars.

    The arrays hold the standardised weights (Qiao et al., arXiv 1903.10520), scaled by a learnt gain where the layer has
    one (Brock et al., arXiv 2101.08692); training moves the weights before standardisation, as in the digital layer.
    """

    digital_class = nn.Conv2d
    vector_dimensions = 3
    names = tuple(
        f"timm.layers.std_conv.{kind}"
        for kind in ("StdConv2d", "StdConv2dSame", "ScaledStdConv2d", "ScaledStdConv2dSame")
    )
    """Full names of the layers."""

    def hold(self, module: nn.Module) -> None:
        """Take over parameters and geometry of a weight-standardised convolution."""
        super().hold(module)
        self.eps = cast(float, module.eps)
        self.gain = cast(nn.Parameter | None, getattr(module, "gain", None))
        self.scale = cast(float, getattr(module, "scale", 1.0))
        self.same_pad = bool(getattr(module, "same_pad", False))

    @staticmethod
    def convolve() -> Callable[..., Tensor]:
        """Return `torch.nn.functional.conv2d`."""
        return F.conv2d

    def weight_matrix(self) -> Tensor:
        """Return the standardised weights, (channels of a group x kernel, out_channels)."""
        flat = self.weight.flatten(1)
        variance, mean = torch.var_mean(flat, 1, keepdim=True, correction=0)
        standard = (flat - mean) * torch.rsqrt(variance + self.eps)
        if self.gain is not None:
            standard = standard * (self.gain.flatten(1) * self.scale)
        return standard.t()

    def _padded(self, x: Tensor) -> tuple[Tensor, Any]:
        """Return the padded input, where padding depends on its size."""
        return (self._fully_padded(x), 0) if self.same_pad else super()._padded(x)

    def _padding_pairs(self, sizes: Sequence[int]) -> list[tuple[int, int]]:
        """Return the padding of TensorFlow's "SAME", for which an output has ceil(size / stride) positions."""
        if not self.same_pad:
            return super()._padding_pairs(sizes)
        geometry = zip(sizes, self.kernel_size, self.stride, self.dilation, strict=True)
        total = [max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0) for n, k, s, d in geometry]
        return [(amount // 2, amount - amount // 2) for amount in total]
