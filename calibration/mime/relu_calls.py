"""Finding every place where a model applies ReLU, by tracing it."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from calibration.mime.threshold import Threshold
from crossbar.layers import AbstractAnalogLayer
from crossbar.layers.composite import AbstractComposite

_RELU_METHODS = ("relu", "relu_")
_RELU_FUNCTIONS = (torch.relu, torch.relu_, F.relu, F.relu_)


@dataclass(frozen=True, kw_only=True)
class ReLUCall:
    """One place where a traced model applies ReLU."""

    node: fx.Node
    """The call in the traced graph."""
    name: str
    """Qualified name of the module that will hold its threshold."""
    source: str
    """What is called, in words."""
    inplace: bool
    """Whether the call overwrites its argument."""


class LayerTracer(fx.Tracer):
    """Traces down to the layers of `torch.nn`, what stands in for them, and thresholds."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Return whether `m` is called as a whole."""
        return isinstance(m, AbstractAnalogLayer | AbstractComposite | Threshold) or super().is_leaf_module(
            m, module_qualified_name
        )


def trace_layers(model: nn.Module) -> fx.Graph:
    """Return the graph of a model's layers.

    Raises
    ------
    ValueError
        If the model's `forward` cannot be traced, because it depends on values or shapes of its input.
    """
    try:
        return LayerTracer().trace(model)
    except (fx.proxy.TraceError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"`model` cannot be traced by torch.fx: {error} Move the part of `forward` that depends on values into a "
            "function marked with `torch.fx.wrap`, and give it activations as nn.ReLU modules."
        ) from error


def relu_calls(graph: fx.Graph, model: nn.Module) -> Iterator[ReLUCall]:
    """Yield every ReLU of a traced model in the order of execution.

    A module's first call keeps the module's name; its further calls, and functions, get a name of their own beside it.
    """
    taken = {name for name, _ in model.named_modules()}
    seen: set[str] = set()
    for node in graph.nodes:
        source = _relu_source(node, model)
        if source is None:
            continue
        if node.op == "call_module" and node.target not in seen:
            name = str(node.target)
            seen.add(name)
        else:
            stem = str(node.target) if node.op == "call_module" else _inside(node, "relu")
            name = next(candidate for candidate in _numbered(stem) if candidate not in taken)
            taken.add(name)
        yield ReLUCall(node=node, name=name, source=source, inplace=_overwrites(node, model))


def hidden_relus(graph: fx.Graph, model: nn.Module) -> list[str]:
    """Return the names of ReLU modules inside layers that tracing calls as a whole."""
    called = {str(node.target) for node in graph.nodes if node.op == "call_module"}
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.ReLU) and any(name.startswith(f"{layer}.") for layer in called)
    ]


def _relu_source(node: fx.Node, model: nn.Module) -> str | None:
    """Return what a node calls if that is ReLU."""
    if node.op == "call_module" and isinstance(model.get_submodule(str(node.target)), nn.ReLU):
        return f"nn.ReLU {node.target!r}"
    where = _inside(node, "").rstrip(".")
    place = f" in {where!r}" if where else ""
    if node.op == "call_function" and node.target in _RELU_FUNCTIONS:
        return f"{getattr(node.target, '__name__', 'relu')}(){place}"
    if node.op == "call_method" and node.target in _RELU_METHODS:
        return f".{node.target}(){place}"
    return None


def _overwrites(node: fx.Node, model: nn.Module) -> bool:
    if node.op == "call_module":
        return bool(getattr(model.get_submodule(str(node.target)), "inplace", False))
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    return name.endswith("_") or bool(node.kwargs.get("inplace", len(node.args) > 1 and node.args[1]))


def _inside(node: fx.Node, name: str) -> str:
    """Return `name` qualified by the module whose `forward` makes the call."""
    stack: Any = node.meta.get("nn_module_stack") or {}
    paths = [path for path, _ in stack.values()]
    return f"{paths[-1]}.{name}" if paths and paths[-1] else name


def _numbered(stem: str) -> Iterator[str]:
    """Yield `stem`, `stem_2`, `stem_3`, ..."""
    yield stem
    for number in itertools.count(2):
        yield f"{stem}_{number}"
