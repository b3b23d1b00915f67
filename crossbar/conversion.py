"""Digital models to analog ones and back."""

import copy
import re
from collections.abc import Iterator, Mapping

from torch import nn

from crossbar.adapters import ADAPTERS, Adapters, find_adapter, is_variant
from crossbar.config import CrossbarConfig
from crossbar.copying import copied
from crossbar.decomposition import decompose, recompose
from crossbar.layers import ANALOG_LAYERS, COMPOSITE_LAYERS, AbstractAnalogLayer
from crossbar.layers.origin import origin_of, restored, stand_in
from crossbar.layers.plain_parameters import require_plain_parameters
from devices.arguments import checked
from devices.caller_warning import warn_caller

Overrides = Mapping[str, CrossbarConfig | None]
_NO_MATRIX = re.compile(r"(Embedding(Bag)?|Norm(\dd)?)$")
"""Layers of any library whose parameters are looked up or scale their inputs."""


class DigitalLayerWarning(UserWarning):
    """A layer with weights stays digital although nobody asked for it."""


@checked
def convert_to_analog(
    model: nn.Module,
    config: CrossbarConfig,
    *,
    overrides: Overrides | None = None,
    adapters: Adapters | None = None,
    inplace: bool = False,
) -> nn.Module:
    """Replace every layer that a crossbar can hold by its analog counterpart.

    A layer is replaced if it computes what the layer of its class computes; a subclass with a `forward` of its own stays
    digital unless an adapter says what stands for it. A weight that a model uses without calling its layer, as in
    `F.linear(x, layer.weight)` or `x @ parameter`, stays digital: `mapping_report(model, example)` warns about layers
    that are never called.

    Parameters
    ----------
    model
        Any model; its layers, tied or not, keep their parameters and hooks. An analog layer whose config changes is
        replaced by one that is not programmed.
    config
        Technology of every layer that `overrides` does not name.
    overrides
        Config of single layers, and of what is inside them: a qualified name (`"features.0"`) or `"re:"` and a regular
        expression that matches whole names; the matrices of composite modules have the names of `digital_twin(model)`.
        `None` keeps a layer digital. The longest name decides, and of several patterns for it the first.
    adapters
        What stands for layers of other classes, by class or by full name: an analog layer class, or a function that
        rebuilds a module around layers which can be converted (see `crossbar.adapters`).
    inplace
        Replace the layers of `model` itself instead of a copy.

    Returns
    -------
    nn.Module
        The model with analog layers, not yet programmed: call `program_analog_weights`.

    Raises
    ------
    TypeError
        If an override gives a config to a layer that cannot be converted.
    ValueError
        If an override names no layer, nothing is left to convert, or a weight is not a parameter: parametrised, pruned or
        not yet initialised.

    Warns
    -----
    DigitalLayerWarning
        Once per kind of layer with a weight matrix that has no analog counterpart and no override.
    """
    known = {**ADAPTERS, **(adapters or {})}
    overrides = dict(overrides or {})
    for name, module in model.named_modules():
        if find_adapter(module, known) is not None and _chosen(name, config, overrides) is not None:
            require_plain_parameters(module, name)
    model = decompose(model if inplace else copied(model), known)
    try:
        _check_overrides(overrides, [name for name, _ in model.named_modules(remove_duplicate=False)])
        replacements, left = _replacements(model, config, overrides, known)
        model = _with_replaced(model, replacements)
    finally:
        model = recompose(model)
    _report_what_stays(model, left)
    return model


@checked
def convert_to_digital(model: nn.Module, *, inplace: bool = False) -> nn.Module:
    """Replace every analog layer by the digital one with its ideal weights: of the class and with the settings before."""
    model = model if inplace else copy.deepcopy(model)
    analog = [module for module in model.modules() if isinstance(module, AbstractAnalogLayer)]
    digital: dict[nn.Module, nn.Module] = {layer: restored(layer) for layer in analog}
    return recompose(_with_replaced(model, digital))


@checked
def named_analog_layers(model: nn.Module) -> Iterator[tuple[str, AbstractAnalogLayer]]:
    """Yield the analog layers of a model with their qualified names, each layer once."""
    for name, module in model.named_modules():
        if isinstance(module, AbstractAnalogLayer):
            yield name, module


@checked
def analog_layers(model: nn.Module) -> list[AbstractAnalogLayer]:
    """Return the analog layers of a model.

    Raises
    ------
    ValueError
        If it has none.
    """
    layers = [layer for _, layer in named_analog_layers(model)]
    if not layers:
        raise ValueError("`model` has no analog layer. Convert it with `crossbar.convert_to_analog(model, config)`.")
    return layers


def _replacements(
    model: nn.Module, config: CrossbarConfig, overrides: Overrides, adapters: Adapters
) -> tuple[dict[nn.Module, nn.Module], dict[str, str]]:
    """Return what replaces each layer, and the kinds of layers with weights that stay digital, with the reason."""
    replacements: dict[nn.Module, nn.Module] = {}
    left: dict[str, str] = {}
    variants: list[str] = []
    for name, module in model.named_modules(remove_duplicate=False):
        chosen = _chosen(name, config, overrides)
        if module in replacements or any(name.startswith(f"{variant}.") for variant in variants):
            continue
        adapter = find_adapter(module, adapters)
        if isinstance(module, AbstractAnalogLayer):
            if chosen != module.array.config:
                digital = restored(module)
                replacements[module] = digital if chosen is None else _analog(type(module), digital, chosen)
        elif isinstance(adapter, type) and issubclass(adapter, AbstractAnalogLayer):
            replacements[module] = module if chosen is None else _analog(adapter, module, chosen)
        elif chosen is not None:
            pattern = _matching(name, overrides)
            if pattern == name and not list(module.children()):
                raise TypeError(
                    f"`overrides[{name!r}]` gives a config to a {type(module).__name__}, which has no analog form. "
                    "Give `adapters` one."
                )
            if is_variant(module, adapters):
                variants.append(name)
            if _holds_matrix(module):
                left[type(module).__name__] = (
                    "a `forward` of their own, and no adapter" if name in variants else "no analog counterpart"
                )
    return replacements, left


def _report_what_stays(model: nn.Module, left: Mapping[str, str]) -> None:
    """Refuse a model without any analog layer, and warn about each kind of layer that stays digital, with the reason."""
    if not any(isinstance(module, AbstractAnalogLayer) for module in model.modules()):
        kinds = ", ".join(f"nn.{cls.__name__}" for cls in (*ANALOG_LAYERS, *COMPOSITE_LAYERS))
        raise ValueError(
            f"`model` has no layer left to convert. Layers that can be are {kinds} and their subclasses that do not "
            "override `forward`; give `adapters` for others."
        )
    for kind, reason in sorted(left.items()):
        warn_caller(
            f"{kind} layers stay digital: they have weights but {reason}. "
            "Name them in `overrides` with None to say that this is meant.",
            DigitalLayerWarning,
        )


def _analog(kind: type[AbstractAnalogLayer], module: nn.Module, config: CrossbarConfig) -> AbstractAnalogLayer:
    layer = kind.from_digital(module, config)
    stand_in(layer, module)  # Again, for a class that overrides `from_digital`.
    return layer


def _with_replaced(model: nn.Module, replacements: Mapping[nn.Module, nn.Module]) -> nn.Module:
    """Put replacements in place, wherever a module is used, and return the model."""
    for parent in list(model.modules()):
        # Not `named_children`, which names a layer that is used twice only once.
        for name, child in list(parent._modules.items()):
            if child is not None and child in replacements:
                setattr(parent, name, replacements[child])
    return replacements.get(model, model)


def _holds_matrix(module: nn.Module) -> bool:
    """Return whether a module that is no embedding and no norm has a weight matrix of its own."""
    if origin_of(module) is not None or any(_NO_MATRIX.search(cls.__name__) for cls in type(module).__mro__):
        return False
    own = module.named_parameters(recurse=False)
    return any(p.ndim == 2 or ("weight" in name and p.ndim > 2) for name, p in own)


def _chosen(name: str, config: CrossbarConfig, overrides: Overrides) -> CrossbarConfig | None:
    """Return the config of a module: that of the longest part of its name that an override names."""
    pattern = _matching(name, overrides)
    if pattern is not None:
        return overrides[pattern]
    return _chosen(name.rpartition(".")[0], config, overrides) if name else config


def _matching(name: str, overrides: Overrides) -> str | None:
    """Return the first override that names a layer."""
    for pattern in overrides:
        if pattern == name or (pattern.startswith("re:") and re.fullmatch(pattern[3:], name)):
            return pattern
    return None


def _check_overrides(overrides: Overrides, names: list[str]) -> None:
    for pattern, chosen in overrides.items():
        if not any(_matching(name, {pattern: chosen}) for name in names):
            known = ", ".join(name for name in names if name)
            raise ValueError(f"`overrides` names {pattern!r}, which is no layer of the model. Layers: {known}.")
