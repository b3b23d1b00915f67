"""Which layer stands for which module: those of torch.nn, those of other libraries, and a user's own.

One's own layers need no registration. A mapping is given to `convert_to_analog(model, config, adapters=...)`, and to
`digital_twin`, from a class (or its full name, so that its library need not be imported) to either

- an `AbstractAnalogLayer`, where the layer is one weight matrix: its `hold` takes over the parameters; or
- a function that returns the same module rebuilt around layers which can be converted, sharing its parameters:

>>> class Scaled(nn.Linear):
...     def forward(self, x):
...         return 3 * super().forward(x)
>>> class Rebuilt(nn.Module):
...     def __init__(self, scaled):
...         super().__init__()
...         self.product = nn.Linear(scaled.in_features, scaled.out_features)
...         self.product.weight, self.product.bias = scaled.weight, scaled.bias
...     def forward(self, x):
...         return 3 * self.product(x)
>>> analog = xb.convert_to_analog(model, config, adapters={Scaled: Rebuilt})

`convert_to_digital` restores the very modules that were there.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import nn

from crossbar.adapters.huggingface_conv1d import AnalogTransposedLinear as AnalogTransposedLinear
from crossbar.adapters.multi_step import MultiStep as MultiStep
from crossbar.adapters.standardised_convolution import AnalogStandardisedConv2d as AnalogStandardisedConv2d
from crossbar.layers import ANALOG_LAYERS, COMPOSITE_LAYERS, AbstractAnalogLayer

Adapter = type[AbstractAnalogLayer] | Callable[[nn.Module], nn.Module]
"""An analog layer, for a module with one weight matrix; or a function that rebuilds a module around layers that can be
converted, with the same parameters."""
Adapters = Mapping[type[nn.Module] | str, Adapter]
"""Adapters by class, or by its full name where its library should not be imported ("package.module.Class")."""

_KNOWN: dict[type[nn.Module] | str, Adapter] = {kind: layer for kind, layer in ANALOG_LAYERS.items()}
_KNOWN.update({digital: cls.from_digital for digital, cls in COMPOSITE_LAYERS.items()})
_KNOWN.update({name: kind for kind in (AnalogTransposedLinear, AnalogStandardisedConv2d) for name in kind.names})
_KNOWN.update({name: MultiStep.from_digital for name in MultiStep.names})
ADAPTERS: Adapters = MappingProxyType(_KNOWN)
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
