"""Read noise that is slow against the reads: one draw of every cell for a while."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from crossbar.array.crossbar_array import CrossbarArray
from crossbar.array.reads import AbstractRead, CollapsedRead


@contextmanager
def read_noise_held(arrays: Iterable[CrossbarArray]) -> Iterator[None]:
    """Read arrays with one draw of what would be fresh read noise, from torch's default stream, until the block ends.

    Arrays without fresh read noise are read as they are. What a read multiplies with is drawn: bit lines of cells, or,
    where slices, signs and tiles are read as one, effective weights.

    Raises
    ------
    RuntimeError
        If an array is not programmed.
    """
    kept: list[tuple[AbstractRead, str, Tensor, Tensor]] = []
    try:
        for array in arrays:
            array.require_programmed()
            reader = array.reader
            variance = getattr(reader, "variance", None)
            if array.config.fresh_read_noise and variance is not None:
                name = "weight" if isinstance(reader, CollapsedRead) else "matrix"
                kept.append((reader, name, getattr(reader, name), variance))
                _draw(reader, name, variance)
        yield
    finally:
        for reader, name, values, variance in kept:
            setattr(reader, name, values)
            setattr(reader, "variance", variance)  # noqa: B010


@torch.inference_mode(False)
@torch.no_grad()
def _draw(reader: AbstractRead, name: str, variance: Tensor) -> None:
    """Put a draw of what a read multiplies with in place of its mean, and leave no variance to be drawn."""
    mean: Tensor = getattr(reader, name)
    setattr(reader, name, mean + variance.clamp(min=0).sqrt() * torch.randn_like(mean))
    setattr(reader, "variance", None)  # noqa: B010 - a buffer that not every way to read has
