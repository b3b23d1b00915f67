"""Watching and replacing parts of a model while it runs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

Observer = Callable[[Tensor], None]


@contextmanager
def observing_inputs(observers: Mapping[Any, Observer]) -> Iterator[None]:
    """Show every input of some modules (the keys) to their observers, before the module sees it."""

    def watch(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        """Show one input."""
        observers[module](arguments[0].detach())

    handles = [module.register_forward_pre_hook(watch) for module in observers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
