"""Which layer stands for which module: those of torch.nn, those of other libraries, and a user's own."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import nn

from crossbar.layers import ANALOG_LAYERS, COMPOSITE_LAYERS, AbstractAnalogLayer

Adapter = type[AbstractAnalogLayer] | Callable[[nn.Module], nn.Module]
"""An analog layer, for a module with one weight matrix; or a function that rebuilds a module around layers that can be
converted, with the same parameters."""
Adapters = Mapping[type[nn.Module] | str, Adapter]
"""Adapters by class, or by its full name where its library should not be imported ("package.module.Class")."""

_TORCH: dict[type[nn.Module] | str, Adapter] = {kind: layer for kind, layer in ANALOG_LAYERS.items()}
_TORCH.update({digital: cls.from_digital for digital, cls in COMPOSITE_LAYERS.items()})
ADAPTERS: Adapters = MappingProxyType(_TORCH)
"""The adapters that conversion knows by itself."""


def find_adapter(module: nn.Module, adapters: Adapters) -> Adapter | None:
    """Return what stands for a module; None for a class, or a subclass, that computes something else."""
    for cls in type(module).__mro__:
        adapter = adapters.get(cls) or adapters.get(f"{cls.__module__}.{cls.__qualname__}")
        if adapter is not None:
            return adapter if _computes_the_same(module, cls) else None
    return None


def is_variant(module: nn.Module, adapters: Adapters) -> bool:
    """Return whether a module is of a subclass that computes something else than the class that has an adapter."""
    names = {f"{cls.__module__}.{cls.__qualname__}" for cls in type(module).__mro__}
    return not names.isdisjoint(_names(adapters)) and find_adapter(module, adapters) is None


def _computes_the_same(module: nn.Module, cls: type) -> bool:
    """Return whether a module's `forward` is that of its base class `cls`."""
    methods = [name for name in ("forward", "_conv_forward") if hasattr(cls, name)]
    return all(name not in vars(module) and getattr(type(module), name) is getattr(cls, name) for name in methods)


def _names(adapters: Adapters) -> set[str]:
    return {key if isinstance(key, str) else f"{key.__module__}.{key.__qualname__}" for key in adapters}
