"""What layers over images share, for any number of spatial dimensions."""

from collections.abc import Sequence

from torch import Tensor

Sizes = int | tuple[int, ...]
"""One number for every spatial dimension, or one for all."""


def check_image(x: Tensor, channels: int, spatial: int) -> None:
    """Raise unless `x` is (batch, channels, *spatial) or (channels, *spatial).

    Raises
    ------
    ValueError
        If it has another number of dimensions or of channels.
    """
    if x.ndim not in (spatial + 1, spatial + 2) or x.shape[-spatial - 1] != channels:
        raise ValueError(f"`x` must be (batch, {channels}, {spatial} spatial sizes). Got shape {tuple(x.shape)}.")


def to_image(outputs: Tensor, x: Tensor, sizes: Sequence[int]) -> Tensor:
    """Put output positions (batch x positions, channels) back into an image of `sizes`, batched as the input `x` is."""
    batched = x.ndim == len(sizes) + 2
    image = outputs.reshape(x.shape[0] if batched else 1, *sizes, outputs.shape[-1]).movedim(-1, 1)
    return image if batched else image[0]


def channel_view(bias: Tensor | None, spatial: int) -> Tensor | None:
    """Return a bias (channels,) that broadcasts to an image, (channels, 1, ...)."""
    return None if bias is None else bias.view(-1, *(1,) * spatial)
