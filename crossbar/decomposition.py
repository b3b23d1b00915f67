"""Rebuilding modules with several weight matrices around one layer per matrix, and back."""

from torch import nn

from crossbar.adapters import Adapters, find_adapter
from crossbar.layers import AbstractAnalogLayer
from crossbar.layers.fused_paths import leave_fused_path, return_to_fused_path
from crossbar.layers.origin import origin_of, restored, stand_in


def decompose(model: nn.Module, adapters: Adapters) -> nn.Module:
    """Rebuild, in place, every module that an adapter rebuilds; tied modules stay tied."""
    return _decomposed(model, adapters, {})


def recompose(model: nn.Module) -> nn.Module:
    """Undo `decompose`, in place, for every module without an analog layer inside."""
    return _recomposed(model, {})


# Both keep the modules that are done, not their `id`: another module could get that of one that is gone.
def _decomposed(module: nn.Module, adapters: Adapters, done: dict[nn.Module, nn.Module]) -> nn.Module:
    if module in done:
        return done[module]
    adapter = None if isinstance(module, AbstractAnalogLayer) else find_adapter(module, adapters)
    rebuilt = module
    if adapter is not None and not _is_analog_layer(adapter):
        rebuilt = adapter(module)
    done[module] = rebuilt
    for name, child in list(rebuilt._modules.items()):
        if child is not None:
            setattr(rebuilt, name, _decomposed(child, adapters, done))
    if rebuilt is not module:
        stand_in(rebuilt, module)
    leave_fused_path(rebuilt)
    return rebuilt


def _recomposed(module: nn.Module, done: dict[nn.Module, nn.Module]) -> nn.Module:
    if module in done:
        return done[module]
    for name, child in list(module._modules.items()):
        if child is not None:
            setattr(module, name, _recomposed(child, done))
    whole = module
    if not any(isinstance(inner, AbstractAnalogLayer) for inner in module.modules()):
        return_to_fused_path(module)
        whole = module if origin_of(module) is None else restored(module)
    done[module] = whole
    return whole


def _is_analog_layer(adapter: object) -> bool:
    return isinstance(adapter, type) and issubclass(adapter, AbstractAnalogLayer)
