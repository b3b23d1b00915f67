"""Patches of an image as vectors, for any number of spatial dimensions."""

from collections.abc import Sequence

from torch import Tensor


def patches(x: Tensor, kernel_size: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """Return the values that a convolution without padding multiplies at each output position.

    Parameters
    ----------
    x
        Padded image, (..., channels, *spatial).
    kernel_size, stride, dilation
        One number per spatial dimension.

    Returns
    -------
    Tensor
        (..., positions, channels x kernel), channel by channel as in the weight of a convolution.
    """
    spatial = len(kernel_size)
    x = x.contiguous()
    sizes, strides = x.shape[-spatial:], x.stride()[-spatial:]
    lead, lead_strides = x.shape[: -spatial - 1], x.stride()[: -spatial - 1]
    geometry = list(zip(sizes, kernel_size, stride, dilation, strict=True))
    positions = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in geometry]
    view = x.as_strided(
        (*lead, *positions, x.shape[-spatial - 1], *kernel_size),
        (
            *lead_strides,
            *(step * s for step, s in zip(strides, stride, strict=True)),
            x.stride()[-spatial - 1],
            *(step * d for step, d in zip(strides, dilation, strict=True)),
        ),
    )
    count = 1
    for number in positions:
        count *= number
    return view.reshape(*lead, count, -1)
