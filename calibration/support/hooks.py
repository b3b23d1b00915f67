"""Watching and replacing parts of a model while it runs."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from crossbar.array import Plan
from crossbar.conversion import analog_layers

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


@contextmanager
def ideal_read_out_where_not_calibrated(model: nn.Module) -> Iterator[None]:
    """Read arrays whose ADC ranges are still to be calibrated without converters."""
    arrays = [layer.array for layer in analog_layers(model)]
    waiting = [
        array
        for array in arrays
        if array.config.adc is not None and array.config.adc.range == "calibrated" and array.calibrated_steps is None
    ]
    plans = [array.plan for array in waiting]
    try:
        for array in waiting:
            array.plan = Plan(kind="collapsed", reason="its ADC ranges are not calibrated yet")
        yield
    finally:
        for array, plan in zip(waiting, plans, strict=True):
            array.plan = plan
