"""Spiking networks from NIR, the neuromorphic intermediate representation.

Pedersen et al., Nature Communications 15, 8122 (2024).
"""

from collections.abc import Callable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

import torch
from torch import Tensor, nn

from crossbar.spiking.integrate_and_fire import IntegrateAndFire
from crossbar.spiking.leaky_integrate_and_fire import LeakyIntegrateAndFire
from crossbar.spiking.neuron import AbstractNeuron
from devices.arguments import checked
from devices.validation import check_positive


@checked
def spiking_from_nir(graph: Any, *, time_step: float = 1e-4) -> nn.Module:
    """Return the network of a NIR graph: one call does one time step, as `run_over_time` expects.

    Linear and affine nodes, convolutions, pooling, flattening, scales, and the neurons IF and LIF; a node with several
    inputs gets their sum. Differential equations are advanced by Euler's rule; a membrane starts at its reset.

    Parameters
    ----------
    graph
        A `nir.NIRGraph`, or the path of its file, which needs the package `nir` to be read.
    time_step
        Duration of a step [s], in the unit of the graph's time constants.

    Raises
    ------
    ImportError
        If a file is given and `nir` is not installed.
    TypeError
        If a node has no counterpart; it is named.
    ValueError
        If the graph has recurrent connections, no single input or output, or a time constant below the time step.
    """
    check_positive("time_step", time_step)
    if isinstance(graph, str | Path):
        graph = _read(graph)
    return NIRNetwork(graph, time_step)


@final
class NIRNetwork(nn.Module):
    """The nodes of a NIR graph as modules, in `nodes` by their names ("." is "_" there), and the edges between them."""

    def __init__(self, graph: Any, time_step: float) -> None:
        super().__init__()
        before: dict[str, list[str]] = {name: [] for name in graph.nodes}
        for source, target in graph.edges:
            before[target].append(source)
        try:
            self.order = tuple(TopologicalSorter(before).static_order())
        except CycleError as error:
            raise ValueError(
                f"`graph` must have no recurrent connections. Got a circle of {', '.join(error.args[1])}."
            ) from error
        self.before = before
        self.entry, self.exit = (_only(graph, kind) for kind in ("Input", "Output"))
        self.nodes = nn.ModuleDict({_key(name): _module(name, node, time_step) for name, node in graph.nodes.items()})

    def forward(self, x: Tensor) -> Tensor:
        """Do one time step, (batch, ...)."""
        values = {self.entry: x}
        for name in self.order:
            sources = self.before[name]
            if sources:
                given = [values[source] for source in sources]
                values[name] = self.nodes[_key(name)](sum(given[1:], given[0]))
        return values[self.exit]


@final
class DrivenNeuron(nn.Module):
    """Neurons whose current is an affine function of what they are given.

    Parameters
    ----------
    neuron
        The neurons.
    scale, shift
        Current of an input of 1, and of 0; they broadcast to the input.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, neuron: AbstractNeuron, *, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.neuron = neuron
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, x: Tensor) -> Tensor:
        """Take the input of one time step and return its spikes."""
        spikes: Tensor = self.neuron(x * self.scale + self.shift)
        return spikes


class _Scale(nn.Module):
    scale: Tensor

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Any:
        """Multiply, element by element."""
        return x * self.scale


def _read(path: str | Path) -> Any:
    try:
        import nir
    except ImportError as error:
        raise ImportError('Reading a NIR file needs nir: pip install "aimc-crossbar[nir]".') from error
    return nir.read(path)


def _only(graph: Any, kind: str) -> str:
    found: list[str] = [name for name, node in graph.nodes.items() if type(node).__name__ == kind]
    if len(found) != 1:
        raise ValueError(f"`graph` must have one {kind} node. Got {len(found)}: {', '.join(found) or 'none'}.")
    return found[0]


def _key(name: str) -> str:
    return name.replace(".", "_")


def _module(name: str, node: Any, time_step: float) -> nn.Module:
    kind = type(node).__name__
    if kind not in _MODULES:
        raise TypeError(f"Node {name!r} of kind {kind} cannot be converted. Kinds that can be: {', '.join(_MODULES)}.")
    return _MODULES[kind](node, time_step)


def _tensor(values: Any) -> Tensor:
    return torch.as_tensor(values).to(torch.get_default_dtype())


def _filled(layer: Any, node: Any) -> nn.Module:
    """Give a layer the weights of a node."""
    module: nn.Module = layer
    module.weight = nn.Parameter(_tensor(node.weight))
    if getattr(node, "bias", None) is not None:
        module.bias = nn.Parameter(_tensor(node.bias))
    return module


def _linear(node: Any, _time_step: float) -> nn.Module:
    outputs, inputs = node.weight.shape
    return _filled(nn.Linear(inputs, outputs, bias=getattr(node, "bias", None) is not None), node)


def _convolution(kind: type[nn.Module]) -> Callable[[Any, float], nn.Module]:
    def make(node: Any, _time_step: float) -> nn.Module:
        outputs, inputs, *kernel = node.weight.shape
        sizes = {name: _sizes(getattr(node, name)) for name in ("stride", "padding", "dilation")}
        settings: dict[str, Any] = {**sizes, "groups": int(node.groups), "bias": node.bias is not None}
        return _filled(kind(inputs * int(node.groups), outputs, tuple(kernel), **settings), node)

    return make


def _sizes(value: Any) -> Any:
    """Return one size or several as plain numbers, or text such as "same"."""
    return value if isinstance(value, str) else tuple(int(size) for size in torch.as_tensor(value).reshape(-1))


def _pool(factor: Callable[[tuple[int, ...]], int]) -> Callable[[Any, float], nn.Module]:
    def make(node: Any, _time_step: float) -> nn.Module:
        kernel, stride, padding = (_sizes(getattr(node, name)) for name in ("kernel_size", "stride", "padding"))
        pool = nn.AvgPool2d(kernel, stride, padding)
        return nn.Sequential(pool, _Scale(torch.tensor(float(factor(kernel)))))

    return make


def _flatten(node: Any, _time_step: float) -> nn.Module:
    # Dimensions are counted without the batch.
    first, last = (int(d) + 1 if d >= 0 else int(d) for d in (node.start_dim, node.end_dim))
    return nn.Flatten(first, last)


def _neuron(node: Any, time_step: float) -> nn.Module:
    """Return IF and LIF neurons, whose membrane is counted from its reset."""
    resistance, reset = _tensor(node.r), _tensor(node.v_reset)
    threshold = _tensor(node.v_threshold) - reset
    if type(node).__name__ == "IF":
        neuron: AbstractNeuron = IntegrateAndFire(threshold, reset="zero")
        return DrivenNeuron(neuron, scale=time_step * resistance, shift=torch.zeros_like(reset))
    rate = time_step / _tensor(node.tau)
    if bool((rate >= 1).any()):
        raise ValueError(f"`time_step` must be below every `tau`. Got {time_step!r} for {float(node.tau.min())!r}.")
    neuron = LeakyIntegrateAndFire(1 - rate, threshold, reset="zero")
    return DrivenNeuron(neuron, scale=rate * resistance, shift=rate * (_tensor(node.v_leak) - reset))


def _unchanged(_node: Any, _time_step: float) -> nn.Module:
    return nn.Identity()


_MODULES: Mapping[str, Callable[[Any, float], nn.Module]] = MappingProxyType(
    {
        "Input": _unchanged,
        "Output": _unchanged,
        "Linear": _linear,
        "Affine": _linear,
        "Conv1d": _convolution(nn.Conv1d),
        "Conv2d": _convolution(nn.Conv2d),
        "AvgPool2d": _pool(lambda kernel: 1),
        "SumPool2d": _pool(lambda kernel: kernel[0] * kernel[-1]),
        "Flatten": _flatten,
        "Scale": lambda node, _: _Scale(_tensor(node.scale)),
        "IF": _neuron,
        "LIF": _neuron,
    }
)
"""How each kind of node becomes a module."""
