"""Which tensors of a model learn."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn


@contextmanager
def only_gradients_of(model: nn.Module, learning: Iterable[Tensor]) -> Iterator[None]:
    """Let gradients flow to what learns only; flags and gradients are as before on exit."""
    before = [(parameter, parameter.requires_grad, parameter.grad) for parameter in model.parameters()]
    wanted = {id(tensor) for tensor in learning}
    try:
        for parameter, _, _ in before:
            parameter.requires_grad_(id(parameter) in wanted)
            parameter.grad = None
        yield
    finally:
        for parameter, flag, gradient in before:
            parameter.requires_grad_(flag)
            parameter.grad = gradient
