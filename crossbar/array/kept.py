"""A refused programming leaves the chip that was there."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def kept_on_error(module: nn.Module, *attributes: str) -> Iterator[None]:
    """Give a module its own buffers and some attributes back if what is done within fails."""
    buffers, values = dict(module._buffers), {name: getattr(module, name) for name in attributes}
    try:
        yield
    except Exception:
        module._buffers.update(buffers)
        vars(module).update(values)
        raise
