"""What transposed convolutions of one, two and three dimensions share."""

import copy
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


class AbstractAnalogTransposedConvolution(AbstractAnalogLayer):
    """A transposed convolution on crossbars: it is a convolution of the input with zeros between its values.

    Word lines are the values of a patch of that spread-out input (channel by channel, the kernel reversed), bit lines
    output channels; zeros drive no word line. A member names its `torch.nn` class and its functional forms.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
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
        check_geometry(dimensions, at_least=0, padding=padding, output_padding=output_padding)
        settings: dict[str, Any] = {"padding_mode": padding_mode, "device": device, "dtype": dtype}
        self._replace(
            self.digital_class(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                padding,
                output_padding,
                groups,
                bias,
                dilation,
                **settings,
            ),
            config,
        )

    def hold(self, module: nn.Module) -> None:
        """Take over the parameters and the geometry of a transposed convolution."""
        module = cast(nn.modules.conv._ConvTransposeNd, module)
        self.weight = cast(nn.Parameter, module.weight)
        self.bias = cast(nn.Parameter | None, module.bias)
        self.stride, self.dilation, self.groups = module.stride, module.dilation, module.groups
        self.padding, self.output_padding = cast(tuple[int, ...], module.padding), module.output_padding
        self.kernel_size = module.kernel_size
        self.in_channels, self.out_channels = module.in_channels, module.out_channels

    @staticmethod
    @abstractmethod
    def convolve_transposed() -> Callable[..., Tensor]:
        """Return the function of `torch.nn.functional`."""

    def forward(self, x: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Read the chip (eval) or the noisy ideal weights (train), for one of the output sizes that a stride leaves open.

        Raises
        ------
        ValueError
            If `output_size` is none of the sizes that `x` can give.
        """
        if output_size is None:
            return super().forward(x)
        self.check_input(x)
        sized = copy.copy(self)
        sized.output_padding = self._padding_for(x, output_size)
        return super(AbstractAnalogTransposedConvolution, sized).forward(x)

    def weight_matrix(self) -> Tensor:
        """Return the ideal weights, (channels of a group x reversed kernel, out_channels)."""
        spatial = tuple(range(2, self.weight.ndim))
        flipped = self.weight.flip(spatial)  # (inputs, outputs per group, *kernel)
        grouped = flipped.reshape(self.groups, -1, *flipped.shape[1:]).transpose(1, 2)
        return grouped.reshape(self.out_channels, -1).t()

    def shape_weight(self, matrix: Tensor) -> Tensor:
        """Give a matrix (outputs, inputs per group x reversed kernel) the shape of the weight."""
        spatial = tuple(range(2, 2 + len(self.kernel_size)))
        grouped = matrix.reshape(self.groups, -1, self.in_channels // self.groups, *self.kernel_size)
        return grouped.transpose(1, 2).flatten(0, 1).flip(spatial)

    def linear_map(self, x: Tensor, weight: Tensor) -> Tensor:
        """Convolve, transposed, with `weight`, without bias."""
        return self.convolve_transposed()(
            x, weight, None, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )

    def input_vectors(self, codes: Tensor) -> Tensor:
        """Return the patches of the spread-out codes, (batch x positions, in_channels x kernel)."""
        ones = (1,) * len(self.kernel_size)
        return patches(self._spread(codes), self.kernel_size, ones, self.dilation)

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
        return f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"

    def _spread(self, codes: Tensor) -> Tensor:
        """Put `stride - 1` zeros between values, and pad so that a plain convolution gives the layer's output."""
        spatial = len(self.kernel_size)
        sizes = [(n - 1) * s + 1 for n, s in zip(codes.shape[-spatial:], self.stride, strict=True)]
        spread = codes.new_zeros(*codes.shape[:-spatial], *sizes)
        every: list[Any] = [slice(None, None, s) for s in self.stride]
        spread[(..., *every)] = codes
        amounts: list[int] = []
        for d, k, p, extra in zip(self.dilation, self.kernel_size, self.padding, self.output_padding, strict=True):
            amounts = [d * (k - 1) - p, d * (k - 1) - p + extra, *amounts]
        return F.pad(spread, amounts)

    def _padding_for(self, x: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """Return the output padding that gives an output of this size, (..., *spatial)."""
        wanted = output_size[-len(self.kernel_size) :]
        smallest = [n - extra for n, extra in zip(self._output_sizes(x), self.output_padding, strict=True)]
        room = [step - 1 for step in self.stride]
        extra = tuple(n - least for n, least in zip(wanted, smallest, strict=True))
        if any(not 0 <= amount <= most for amount, most in zip(extra, room, strict=True)):
            largest = [least + most for least, most in zip(smallest, room, strict=True)]
            raise ValueError(
                f"`output_size` must be an output size between {smallest} and {largest}. Got {list(output_size)}."
            )
        return extra

    def _output_sizes(self, x: Tensor) -> list[int]:
        sizes = x.shape[-len(self.kernel_size) :]
        geometry = zip(
            sizes, self.stride, self.padding, self.dilation, self.kernel_size, self.output_padding, strict=True
        )
        return [(n - 1) * s - 2 * p + d * (k - 1) + extra + 1 for n, s, p, d, k, extra in geometry]
