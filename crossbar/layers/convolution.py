"""What convolutions of one, two and three dimensions share."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crossbar.config import CrossbarConfig
from crossbar.layers.base import AbstractAnalogLayer
from crossbar.layers.patches import patches
from crossbar.layers.settings import check_geometry, check_settings
from crossbar.layers.spatial import Sizes, channel_view, check_image, to_image


class AbstractAnalogConvolution(AbstractAnalogLayer):
    """A convolution on crossbars: word lines are the values of a patch (channel by channel), bit lines output channels.

    Made and initialised as the layer of `torch.nn` is, with `config` as one more argument, or `from_digital`. Every output
    position is one read of the same arrays; groups are independent blocks of arrays. A member names its
    `torch.nn` class, its number of spatial dimensions and its functional form.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: str | Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        config: CrossbarConfig,
    ) -> None:
        super().__init__()
        check_settings(in_channels=in_channels, out_channels=out_channels, groups=groups, bias=bias)
        dimensions = self.vector_dimensions - 1
        check_geometry(dimensions, at_least=1, kernel_size=kernel_size, stride=stride, dilation=dilation)
        if not isinstance(padding, str):
            check_geometry(dimensions, at_least=0, padding=padding)
        settings: dict[str, Any] = {"padding_mode": padding_mode, "device": device, "dtype": dtype}
        self._replace(
            self.digital_class(
                in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, **settings
            ),
            config,
        )

    def hold(self, module: nn.Module) -> None:
        """Take over the parameters and the geometry of a convolution."""
        module = cast(nn.modules.conv._ConvNd, module)
        self.weight = cast(nn.Parameter, module.weight)
        self.bias = cast(nn.Parameter | None, module.bias)
        self.stride, self.dilation, self.groups = module.stride, module.dilation, module.groups
        self.padding, self.padding_mode = module.padding, module.padding_mode
        self.kernel_size, self.in_channels, self.out_channels = (
            module.kernel_size,
            module.in_channels,
            module.out_channels,
        )

    @staticmethod
    @abstractmethod
    def convolve() -> Callable[..., Tensor]:
        """Return the function of `torch.nn.functional`."""

    def weight_matrix(self) -> Tensor:
        """Return the ideal weights, (channels of a group x kernel, out_channels)."""
        return self.weight.flatten(1).t()

    def linear_map(self, x: Tensor, weight: Tensor) -> Tensor:
        """Convolve with `weight`, without bias."""
        x, padding = self._padded(x)
        return self.convolve()(x, weight, None, self.stride, padding, self.dilation, self.groups)

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Convolve as code written for `torch.nn` asks for it, with the weight that the arrays hold."""
        if weight is not self.weight or bias is not self.bias:
            raise ValueError(
                "The arrays hold the layer's own `weight` and `bias`. Got others. For a convolution with weights of its "
                "own, give `convert_to_analog` an adapter, or keep it digital."
            )
        return cast(Tensor, self(x))

    def input_vectors(self, codes: Tensor) -> Tensor:
        """Return the patches, (batch x positions, in_channels x kernel)."""
        return patches(self._fully_padded(codes), self.kernel_size, self.stride, self.dilation)

    def assemble(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Put output positions back into an image, (batch, out_channels, ...)."""
        return to_image(outputs, x, self._output_sizes(x))

    def bias_view(self) -> Tensor | None:
        """Return the bias, (out_channels, 1, ...)."""
        return channel_view(self.bias, len(self.kernel_size))

    def check_input(self, x: Tensor) -> None:
        """Raise unless `x` is (batch, in_channels, ...) or (in_channels, ...)."""
        check_image(x, self.in_channels, len(self.kernel_size))

    def extra_repr(self) -> str:
        """Describe the layer in a model's printout."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        return text + (f", groups={self.groups}" if self.groups > 1 else "")

    def _padded(self, x: Tensor) -> tuple[Tensor, Any]:
        """Return the input and the padding left to the convolution, which pads zeros without a copy."""
        if self.padding_mode == "zeros":
            return x, self.padding
        return self._fully_padded(x), 0

    def _fully_padded(self, x: Tensor) -> Tensor:
        mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
        pairs = self._padding_pairs(x.shape[-len(self.kernel_size) :])
        amounts = [amount for pair in reversed(pairs) for amount in pair]
        return F.pad(x, amounts, mode=mode) if any(amounts) else x

    def _padding_pairs(self, sizes: Sequence[int]) -> list[tuple[int, int]]:
        """Return the padding before and after each spatial dimension of an image of `sizes`."""
        if isinstance(self.padding, str):
            total = [
                d * (k - 1) if self.padding == "same" else 0
                for d, k in zip(self.dilation, self.kernel_size, strict=True)
            ]
            return [(amount // 2, amount - amount // 2) for amount in total]
        return [(amount, amount) for amount in self.padding]

    def _output_sizes(self, x: Tensor) -> list[int]:
        sizes = x.shape[-len(self.kernel_size) :]
        geometry = zip(sizes, self._padding_pairs(sizes), self.kernel_size, self.stride, self.dilation, strict=True)
        return [(n + sum(pad) - d * (k - 1) - 1) // s + 1 for n, pad, k, s, d in geometry]
