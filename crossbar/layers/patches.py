"""Patches of an image as vectors, for any number of spatial dimensions."""

import math
from collections.abc import Sequence

from torch import Tensor


def patches(x: Tensor, kernel_size: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """Return the values that a convolution without padding multiplies at each output position.

    Parameters
    ----------
    x
        Padded image, (batch, channels, *spatial) or (channels, *spatial).
    kernel_size, stride, dilation
        One number per spatial dimension.

    Returns
    -------
    Tensor
        (batch x positions, channels x kernel), channel by channel as in the weight of a convolution.
    """
    spatial = len(kernel_size)
    batched = x.contiguous() if x.ndim == spatial + 2 else x.contiguous()[None]
    sizes, strides = batched.shape[2:], batched.stride()
    geometry = zip(sizes, kernel_size, stride, dilation, strict=True)
    positions = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in geometry]
    # Word lines first: every row of the copy then runs along the image.
    view = batched.as_strided(
        (batched.shape[1], *kernel_size, batched.shape[0], *positions),
        (
            strides[1],
            *(step * d for step, d in zip(strides[2:], dilation, strict=True)),
            strides[0],
            *(step * s for step, s in zip(strides[2:], stride, strict=True)),
        ),
    )
    return view.reshape(batched.shape[1] * math.prod(kernel_size), -1).t()
