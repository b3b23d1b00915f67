"""Digital models to analog ones and back."""

import copy
import re
import warnings
from collections.abc import Iterator, Mapping

from torch import nn

from crossbar.config import CrossbarConfig
from crossbar.layers import (
    ANALOG_LAYERS,
    COMPOSITE_LAYERS,
    AbstractAnalogLayer,
    AnalogMultiheadAttention,
    AnalogRecurrent,
)

Overrides = Mapping[str, CrossbarConfig | None]
_REPLACED = (AbstractAnalogLayer, AnalogRecurrent, AnalogMultiheadAttention)


class DigitalLayerWarning(UserWarning):
    """A layer with weights stays digital although nobody asked for it."""


def convert_to_analog(
    model: nn.Module, config: CrossbarConfig, *, overrides: Overrides | None = None, inplace: bool = False
) -> nn.Module:
    """Replace every layer that a crossbar can hold by its analog counterpart.

    Parameters
    ----------
    model
        Any model; its layers, tied or not, keep their parameters.
    config
        Technology of every layer that `overrides` does not name.
    overrides
        Config of single layers: a qualified name (`"features.0"`) or `"re:"` and a regular expression that matches whole
        names. `None` keeps a layer digital. The first match wins.
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
        If an override names no layer, or nothing is left to convert.

    Warns
    -----
    DigitalLayerWarning
        Once per kind of layer with a weight matrix that has no analog counterpart and no override.
    """
    overrides = dict(overrides or {})
    names = [name for name, _ in model.named_modules(remove_duplicate=False)]
    _check_overrides(overrides, names)
    model = model if inplace else copy.deepcopy(model)
    converted: dict[int, nn.Module] = {}
    left: set[str] = set()
    root = _convert(model, "", config, overrides, converted, left)
    if not any(isinstance(module, AbstractAnalogLayer) for module in root.modules()):
        kinds = ", ".join(f"nn.{cls.__name__}" for cls in (*ANALOG_LAYERS, *COMPOSITE_LAYERS))
        raise ValueError(f"`model` has no layer left to convert. Layers that can be are {kinds} and their subclasses.")
    for kind in sorted(left):
        warnings.warn(
            f"{kind} layers stay digital: they have weights but no analog counterpart. "
            "Name them in `overrides` with None to say that this is meant.",
            DigitalLayerWarning,
            stacklevel=2,
        )
    return root


def convert_to_digital(model: nn.Module, *, inplace: bool = False) -> nn.Module:
    """Replace every analog layer by the digital one with its ideal weights."""
    model = model if inplace else copy.deepcopy(model)
    if isinstance(model, _REPLACED):
        return model.to_digital().train(model.training)
    digital: dict[int, nn.Module] = {}
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):
            if isinstance(child, _REPLACED):
                setattr(parent, name, digital.setdefault(id(child), child.to_digital().train(child.training)))
    return model


def named_analog_layers(model: nn.Module) -> Iterator[tuple[str, AbstractAnalogLayer]]:
    """Yield the analog layers of a model with their qualified names, each layer once."""
    for name, module in model.named_modules():
        if isinstance(module, AbstractAnalogLayer):
            yield name, module


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


def _convert(
    module: nn.Module,
    name: str,
    config: CrossbarConfig,
    overrides: Overrides,
    converted: dict[int, nn.Module],
    left: set[str],
) -> nn.Module:
    """Return the analog counterpart of `module`, or `module` with its children converted."""
    if id(module) in converted:
        return converted[id(module)]
    pattern = _matching(name, overrides)
    chosen = config if pattern is None else overrides[pattern]
    analog_class = _analog_class(module)
    result = module
    if chosen is not None and analog_class is not None:
        result = analog_class.from_digital(module, chosen).train(module.training)
    elif pattern == name and chosen is not None and not list(module.children()):
        raise TypeError(f"`overrides[{name!r}]` gives a config to a {type(module).__name__}, which has no analog form.")
    elif chosen is not None:
        # Not `named_children`, which names a layer that is used twice only once.
        for child_name, child in list(module._modules.items()):
            if child is None:
                continue
            qualified = f"{name}.{child_name}" if name else child_name
            setattr(module, child_name, _convert(child, qualified, chosen, overrides, converted, left))
        if _has_weight_matrix(module) and not isinstance(module, _REPLACED):
            left.add(type(module).__name__)
        if isinstance(module, nn.TransformerEncoderLayer):
            # Its fused path would read the ideal weights of layers that are analog now.
            module.activation_relu_or_gelu = 0
    converted[id(module)] = result
    return result


def _analog_class(module: nn.Module) -> type[AbstractAnalogLayer | AnalogRecurrent | AnalogMultiheadAttention] | None:
    """Return the analog class of a layer or of the layer it is a subclass of."""
    table = {**ANALOG_LAYERS, **COMPOSITE_LAYERS}
    return next((table[cls] for cls in type(module).__mro__ if cls in table), None)


def _has_weight_matrix(module: nn.Module) -> bool:
    return any("weight" in name and p.ndim >= 2 for name, p in module.named_parameters(recurse=False))


def _matching(name: str, overrides: Overrides) -> str | None:
    """Return the first override that names a layer."""
    for pattern in overrides:
        if pattern == name or (pattern.startswith("re:") and re.fullmatch(pattern[3:], name)):
            return pattern
    return None


def _check_overrides(overrides: Overrides, names: list[str]) -> None:
    for pattern, chosen in overrides.items():
        if chosen is not None and not isinstance(chosen, CrossbarConfig):
            raise TypeError(f"`overrides[{pattern!r}]` must be a CrossbarConfig or None. Got {chosen!r}.")
        if not any(_matching(name, {pattern: chosen}) for name in names):
            known = ", ".join(name for name in names if name)
            raise ValueError(f"`overrides` names {pattern!r}, which is no layer of the model. Layers: {known}.")
