"""What a network does beside its crossbars, by watching its digital twin work on one input."""

import math
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from crossbar.batches import batch_size, call_model, model_device, model_input
from crossbar.conversion import named_analog_layers
from crossbar.twins import digital_twin

_ACTIVATIONS = (
    "relu",
    "hardtanh",
    "sigmoid",
    "tanh",
    "gelu",
    "silu",
    "elu",
    "leaky_relu",
    "hardswish",
    "hardsigmoid",
    "softplus",
    "mish",
    "prelu",
    "threshold",
    "_softmax",
    "_log_softmax",
    "ge",
    "gt",
    "clamp",
    "clamp_min",
)
_POOLINGS = ("pool", "mean")
_ELEMENTWISE = ("add", "sub", "mul", "div", "addcmul", "norm")


class _Operations(TorchDispatchMode):
    """Adds up operations outside analog layers."""

    def __init__(self) -> None:
        super().__init__()
        self.counts = {"activations": 0, "pooled": 0, "digital_macs": 0}
        self.inside = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count it."""
        result = func(*args, **(kwargs or {}))
        if not self.inside:
            self._count(func, args, kwargs or {}, result)
        return result

    def _count(self, func: Any, args: Any, kwargs: Mapping[str, Any], result: Any) -> None:
        packet = func.overloadpacket
        name = packet.__name__.rstrip("_")
        first = next((arg for arg in args if isinstance(arg, Tensor)), None)
        if packet in flop_registry:
            self.counts["digital_macs"] += int(flop_registry[packet](*args, **kwargs, out_val=result)) // 2
        elif name in _ACTIVATIONS:
            self.counts["activations"] += _numbers(result)
        elif any(part in name for part in _POOLINGS) and first is not None:
            self.counts["pooled"] += first.numel()
        elif any(part in name for part in _ELEMENTWISE):
            self.counts["digital_macs"] += _numbers(result)


def _numbers(result: Any) -> int:
    tensor = result if isinstance(result, Tensor) else next(item for item in result if isinstance(item, Tensor))
    return math.prod(tensor.shape)


@torch.no_grad()
def digital_operations(model: nn.Module, batch: Any) -> dict[str, int]:
    """Return activations, pooled values and multiply-adds of one inference outside the analog layers.

    They depend on shapes, not on values. An element-wise product or sum, and a number that a normalisation gives, counts
    as one multiply-add; biases and scales within analog layers are part of those.

    Parameters
    ----------
    model
        A converted model.
    batch
        A batch; counts are divided by its size.
    """
    twin = digital_twin(model).eval()
    counting, number = _Operations(), batch_size(batch)

    def enter(*_: object) -> None:
        """Stop counting within a layer that is on crossbars."""
        counting.inside += 1

    def leave(*_: object) -> None:
        """Count again."""
        counting.inside -= 1

    with ExitStack() as stack:
        for name, _ in named_analog_layers(model):
            layer = twin.get_submodule(name)
            stack.callback(layer.register_forward_pre_hook(enter).remove)
            stack.callback(layer.register_forward_hook(leave).remove)
        small, scale = _first(batch, number)
        with counting:
            call_model(twin, small, model_device(model))
    return {name: count // scale for name, count in counting.counts.items()}


def _first(batch: Any, number: int) -> tuple[Any, int]:
    """Return a batch of one input where that is easily had, and its size."""
    x = model_input(batch)
    return (x[:1], 1) if isinstance(x, Tensor) else (batch, number)
