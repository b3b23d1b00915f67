"""Outliers of activations moved into weights: a scale per feature between a norm and the layers that read it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

from calibration.finetune_layernorm import layernorm_modules
from calibration.support.batches import checked_batches, require_batches
from calibration.support.distributed import gathered, unwrapped
from crossbar.adapters import AnalogTransposedLinear
from crossbar.batches import call_model, model_device, model_logits
from crossbar.twins import digital_twin
from devices.arguments import checked
from devices.validation import check_probability

_TOLERANCE = 1e-3
"""Relative change of the output that is taken for rounding; a model whose function changes by it is none that was kept."""


@checked
@torch.no_grad()
def smooth_activations(model: nn.Module, batches: Iterable[Any], *, strength: float = 0.5) -> Mapping[str, list[str]]:
    """Divide the output of norms by a scale per feature that the layers behind multiply into their weights, in place.

    The model computes what it did, with inputs that fill a static range more evenly: the scale of feature k is
    `max|x_k|^strength / max|w_k|^(1 - strength)` (Xiao et al., "SmoothQuant", ICML 2023; on arrays NORA, DATE 2025). Pairs
    are found by running the model: the layers whose input is the output of a norm. Where anything else reads that output,
    as a residual path does, or the norm has another gain than its `weight`, the function would change; such norms are
    tried, put back and left out.

    Parameters
    ----------
    model
        A digital model, before conversion, or a converted one, which has to be programmed and calibrated (anew) then. Norms
        as in `finetune_layernorm`.
    batches
        Inputs: tensors, tuples whose first item is the input, or mappings; read by the digital model, in eval mode.
    strength
        0: weights become even, 1: activations do.

    Returns
    -------
    Mapping
        The names of the layers behind every norm that was scaled.

    Raises
    ------
    ValueError
        If no norm can be scaled, or `batches` is empty.
    """
    check_probability("strength", strength)
    twin = digital_twin(unwrapped(model)).eval()
    norms = layernorm_modules(twin)
    seen = _Seen(norms, _products(twin))
    first: Any = None
    expected: Tensor | None = None
    with seen.watching():
        for batch in checked_batches(batches, progress=False, description="smoothing"):
            output = seen.run(twin, batch)
            if expected is None:
                first, expected = batch, output
    require_batches(expected is not None)
    expected = cast(Tensor, expected)
    tolerance = max(_TOLERANCE, 2 * torch.finfo(expected.dtype).eps)
    scaled: dict[str, list[str]] = {}
    for name, norm in norms.items():
        layers = seen.readers.get(name, {})
        if not layers:
            continue
        before = [(tensor, tensor.clone()) for tensor in (*norm.parameters(), *map(_by_input, layers.values()))]
        _rescale(norm, layers.values(), _scale(seen.largest[name], layers.values(), strength))
        now = seen.run(twin, first)
        if float((now - expected).norm()) > tolerance * float(expected.norm()):
            for tensor, values in before:
                tensor.copy_(values)
        else:
            scaled[name] = list(layers)
    if not scaled:
        raise ValueError(
            "`model` has no norm whose output only linear layers read. Post-norm models have none; use "
            "`InputConfig(range='vector')`, or keep the layers with outliers digital."
        )
    return scaled


class _Seen:
    """What norms gave, and which layers read it."""

    def __init__(self, norms: Mapping[str, nn.Module], products: Mapping[str, nn.Module]) -> None:
        self._norms, self._products = norms, products
        self._outputs: dict[int, tuple[str, Tensor]] = {}
        self.largest: dict[str, Tensor] = {}
        """Largest |output| of each feature, (features,)."""
        self.readers: dict[str, dict[str, nn.Module]] = {}
        """The layers behind each norm, by name."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look at every norm and every layer while the model runs."""
        handles = [norm.register_forward_hook(self._wrote(name)) for name, norm in self._norms.items()]
        handles += [layer.register_forward_pre_hook(self._reads(name)) for name, layer in self._products.items()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
        self.largest = {name: gathered(value[None]).amax(0) for name, value in self.largest.items()}

    def run(self, model: nn.Module, batch: Any) -> Tensor:
        """Return the scores of a batch."""
        scores = model_logits(call_model(model, batch, model_device(model)))
        self._outputs.clear()
        return cast(Tensor, scores)

    def _wrote(self, name: str) -> Any:
        def wrote(norm: nn.Module, arguments: Any, output: Tensor) -> None:
            """Keep an output; a tensor that is held keeps its storage to itself."""
            if norm.weight.ndim == 1 and output.shape[-1] == len(cast(Tensor, norm.weight)):
                self._outputs[output.untyped_storage().data_ptr()] = (name, output)
                largest = output.abs().flatten(0, -2).amax(0)
                self.largest[name] = torch.maximum(largest, self.largest[name]) if name in self.largest else largest

        return wrote

    def _reads(self, name: str) -> Any:
        def reads(layer: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            """Pair a layer with the norm whose output it reads, seen in another shape or not."""
            x = arguments[0]
            norm, output = self._outputs.get(x.untyped_storage().data_ptr(), ("", None))
            if output is not None and x.numel() == output.numel() and x.shape[-1] == output.shape[-1]:
                self.readers.setdefault(norm, {})[name] = layer

        return reads


def _products(model: nn.Module) -> dict[str, nn.Module]:
    """Return the layers that multiply features by a matrix, by name."""
    return {name: m for name, m in model.named_modules() if isinstance(m, nn.Linear) or _is_transposed(m)}


def _is_transposed(module: nn.Module) -> bool:
    cls = type(module)
    return f"{cls.__module__}.{cls.__qualname__}" in AnalogTransposedLinear.names


def _by_input(layer: nn.Module) -> Tensor:
    """Return the weights of a layer as a view, (outputs, inputs)."""
    weight = cast(Tensor, layer.weight)
    return weight.t() if _is_transposed(layer) else weight


def _scale(largest: Tensor, layers: Iterable[nn.Module], strength: float) -> Tensor:
    """Return the scale of every feature, (features,); 1 where a feature or its weights are zero."""
    weights = torch.stack([_by_input(layer).abs().amax(0) for layer in layers]).amax(0)
    scale = largest.double() ** strength / weights.double() ** (1 - strength)
    return torch.where((largest > 0) & (weights > 0), scale, 1.0)


def _rescale(norm: nn.Module, layers: Iterable[nn.Module], scale: Tensor) -> None:
    """Divide what a norm gives, and multiply what the layers behind make of it."""
    for parameter in norm.parameters(recurse=False):
        parameter.copy_(parameter / scale)
    for layer in layers:
        weight = _by_input(layer)
        weight.copy_(weight * scale)
