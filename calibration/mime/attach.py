"""Thresholds in place of every ReLU of a model."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, fx, nn

from calibration.mime.relu_calls import ReLUCall, hidden_relus, relu_calls, trace_layers
from calibration.mime.surrogates import AbstractSurrogate
from calibration.mime.threshold import Granularity, InputGradient, Threshold
from calibration.support.batches import training_modes_kept
from devices.arguments import checked


@checked
def attach_thresholds(
    model: nn.Module,
    example_input: Tensor,
    *,
    granularity: Granularity = "neuron",
    initial: float = 0.0,
    surrogate: AbstractSurrogate | None = None,
    input_gradient: InputGradient = "jump",
    inplace: bool = False,
) -> fx.GraphModule:
    """Replace every ReLU of a model, module or function, by thresholds of its own.

    Each place where ReLU is applied gets one `Threshold`, also where the same module is applied several times. The
    model is traced in eval mode, and the result is compared with it on `example_input`. `named_thresholds` lists what
    was replaced, and so does the model's printout.

    Parameters
    ----------
    model
        A digital model, or a programmed analog one.
    example_input
        Inputs of the size that the model will see, (batch, ...).
    granularity
        One threshold per `"neuron"`, `"channel"` or `"layer"`.
    initial, surrogate, input_gradient
        Of every `Threshold`.
    inplace
        Share the layers of `model`, chip included, instead of copying them. `model` itself keeps its ReLUs.

    Returns
    -------
    torch.fx.GraphModule
        The model with thresholds; its layers keep their names.

    Raises
    ------
    ValueError
        If the model cannot be traced, applies no ReLU, or hides one inside a layer of `torch.nn`.
    RuntimeError
        If the model is analog and not programmed, or does something that tracing does not see.
    """
    if any(isinstance(module, Threshold) for module in model.modules()):
        raise ValueError("`model` has thresholds already. Attach them to the model without, or train those it has.")
    model = model if inplace else copy.deepcopy(model)
    with training_modes_kept(model), torch.no_grad():
        model.eval()
        expected = _seeded_output(model, example_input)
        graph = trace_layers(model)
        result = fx.GraphModule(model, graph, type(model).__name__)
        _keep_order(result, model)
        calls = _checked_calls(graph, model)
        activations = _activations(result, calls, example_input)
        for call, activation in zip(calls, activations, strict=True):
            threshold = Threshold(
                activation.shape[1:],
                granularity=granularity,
                surrogate=surrogate,
                input_gradient=input_gradient,
                replaces=call.source,
            )
            _replace(result, call, threshold.to(activation.device, activation.dtype))
        result.delete_all_unused_submodules()
        result.recompile()
        _check_output(_seeded_output(result.eval(), example_input), expected)
        for _, threshold in named_thresholds(result):
            threshold.threshold.fill_(initial)
    return result.train(model.training)


def reason_against_thresholds(model: nn.Module) -> str | None:
    """Return why no thresholds can be attached to a model, or None."""
    if any(isinstance(module, Threshold) for module in model.modules()):
        return "`model` has thresholds already."
    try:
        _checked_calls(trace_layers(model), model)
    except ValueError as error:
        return str(error)
    return None


@checked
def named_thresholds(model: nn.Module) -> Iterator[tuple[str, Threshold]]:
    """Yield the thresholds of a model with their qualified names."""
    for name, module in model.named_modules():
        if isinstance(module, Threshold):
            yield name, module


def _checked_calls(graph: fx.Graph, model: nn.Module) -> list[ReLUCall]:
    """Return the ReLU calls of a graph, all of which can be replaced."""
    hidden = hidden_relus(graph, model)
    if hidden:
        raise ValueError(
            "`model` has ReLUs inside layers that are called as a whole and cannot get thresholds: "
            f"{', '.join(hidden)}. Use layers that apply nn.ReLU in a forward of your own."
        )
    calls = list(relu_calls(graph, model))
    if not calls:
        raise ValueError("`model` applies no ReLU, so there is nothing to replace by thresholds.")
    return calls


class _Recorder(fx.Interpreter):
    """Runs a traced model and keeps the results of some calls."""

    def __init__(self, model: fx.GraphModule, nodes: list[fx.Node]) -> None:
        super().__init__(model)
        self.results: dict[fx.Node, Any] = dict.fromkeys(nodes)

    def run_node(self, n: fx.Node) -> Any:
        """Run one call."""
        result = super().run_node(n)
        if n in self.results:
            self.results[n] = result
        return result


def _activations(model: fx.GraphModule, calls: list[ReLUCall], example_input: Tensor) -> list[Tensor]:
    """Return the output of every ReLU for the example."""
    recorder = _Recorder(model, [call.node for call in calls])
    try:
        recorder.run(example_input)
    except (TypeError, RuntimeError, AttributeError) as error:
        raise ValueError(
            f"`model` runs, but not as torch.fx traced it: {error} Its `forward` may ask for the type of a layer's output, "
            "which a trace does not know."
        ) from error
    activations: list[Tensor] = [recorder.results[call.node] for call in calls]
    for call, activation in zip(calls, activations, strict=True):
        if activation.ndim == 0 or len(activation) != len(example_input):
            raise ValueError(
                f"The ReLU {call.source} has an activation of shape {tuple(activation.shape)} for a batch of "
                f"{len(example_input)}. Thresholds need the batch as the first dimension."
            )
    return activations


def _replace(model: fx.GraphModule, call: ReLUCall, threshold: Threshold) -> None:
    """Put a threshold where the graph calls ReLU; what an in-place ReLU overwrote is read from it from then on."""
    node = call.node
    argument = node.args[0] if node.args else node.kwargs["input"]
    model.add_submodule(call.name, threshold)
    with model.graph.inserting_after(node):
        result = model.graph.call_module(call.name, (argument,))
    node.replace_all_uses_with(result)
    if call.inplace and isinstance(argument, fx.Node):
        position = {other: index for index, other in enumerate(model.graph.nodes)}
        for user in list(argument.users):
            if position[user] > position[result]:
                user.replace_input_with(argument, result)
    model.graph.erase_node(node)


def _keep_order(model: nn.Module, original: nn.Module) -> None:
    """Order submodules as in the original, so that a seed programs the same chip through either."""
    for name, module in original.named_modules():
        children = {child: None for child, _ in module.named_children()}
        copied = model.get_submodule(name) if _has_submodule(model, name) else module
        if copied is not module:
            ordered = [child for child in children if child in copied._modules]
            for child in ordered:
                copied._modules[child] = copied._modules.pop(child)


def _has_submodule(model: nn.Module, name: str) -> bool:
    return any(name == other for other, _ in model.named_modules(remove_duplicate=False))


def _seeded_output(model: nn.Module, example_input: Tensor) -> Tensor:
    """Return the output with read noise drawn from a fixed seed."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        output = model(example_input)
    if not isinstance(output, Tensor):
        raise TypeError(f"`model` must return one tensor. Got {type(output).__name__}.")
    return output


def _check_output(output: Tensor, expected: Tensor) -> None:
    tolerance = 1e-5 * float(expected.abs().max())
    same = torch.allclose(output, expected, rtol=1e-4, atol=tolerance, equal_nan=True)
    if not same:
        raise RuntimeError(
            "`model` gives another output when traced: its `forward` changes a tensor or itself in a way that torch.fx "
            "does not see. Apply ReLU as nn.ReLU modules and avoid in-place operations on views."
        )
