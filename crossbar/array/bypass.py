"""Reading arrays as if they had no converters."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from crossbar.array.crossbar_array import CrossbarArray


@contextmanager
def converters_bypassed(arrays: Iterable[CrossbarArray]) -> Iterator[None]:
    """Read arrays without converters and fresh noise, as while their ADC ranges are still to be calibrated."""
    arrays = list(arrays)
    before = [array._converters_bypassed for array in arrays]
    try:
        for array in arrays:
            array._converters_bypassed = True
        yield
    finally:
        for array, flag in zip(arrays, before, strict=True):
            array._converters_bypassed = flag
