"""The module that stood where another stands now: what is kept of it, and how it comes back."""

import copy
from collections import OrderedDict
from dataclasses import dataclass
from typing import cast

from torch import nn

_CONTAINERS = (dict, OrderedDict, list, set)
_HOOKS = (
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_backward_pre_hooks",
    "_backward_hooks",
    "_is_full_backward_hook",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Origin:
    """What a module stands for. It is no submodule, so that parameters have one name only."""

    module: nn.Module
    """A view of the module that was there, with its own class and settings."""
    names: dict[str, str]
    """Names of its parameters: there, and in the module that stands in for it."""


def stand_in(replacement: nn.Module, module: nn.Module) -> None:
    """Let `replacement` stand for `module`: with its mode and hooks, and able to give it back by `restored`.

    Raises
    ------
    ValueError
        If a parameter of `module` is not shared by `replacement`.
    """
    names = {id(p): name for name, p in replacement.named_parameters()}
    missing = [name for name, p in module.named_parameters() if id(p) not in names]
    if missing:
        raise ValueError(
            f"The {type(replacement).__name__} made of a {type(module).__name__} must hold its parameters themselves, "
            f"not copies. It lacks {missing}."
        )
    paths = {name: names[id(p)] for name, p in module.named_parameters(remove_duplicate=False)}
    object.__setattr__(replacement, "_origin", Origin(module=view_of(module), names=paths))
    _share_hooks(module, replacement)
    replacement.train(module.training)


def origin_of(module: nn.Module) -> Origin | None:
    """Return what a module stands for; None for a module that stands for itself."""
    return cast(Origin | None, vars(module).get("_origin"))


def restored(replacement: nn.Module, *, hooks: bool = True) -> nn.Module:
    """Return the module that `replacement` stands for, with the parameters as they are now, shared.

    Parameters
    ----------
    replacement
        A module that `stand_in` was called with.
    hooks
        Give it the hooks of `replacement` too.

    Raises
    ------
    ValueError
        If `replacement` stands for no other module.
    """
    origin = origin_of(replacement)
    if origin is None:
        raise ValueError(f"This {type(replacement).__name__} stands for no digital module: it was not converted.")
    module = view_of(origin.module)
    for name, path in origin.names.items():
        owner, _, key = name.rpartition(".")
        holder, _, own = path.rpartition(".")
        parameter = replacement.get_submodule(holder)._parameters[own]
        if parameter is None:
            raise RuntimeError(
                f"This {type(replacement).__name__} is frozen: its ideal weights are gone. Keep a copy of the model, or of "
                "its digital weights, before `crossbar.freeze_analog_weights(model)`."
            )
        setattr(module.get_submodule(owner), key, parameter)
    if isinstance(module, nn.RNNBase):
        module._init_flat_weights()
    if hooks:
        _share_hooks(replacement, module)
    return module.train(replacement.training)


def forget_dropped(replacement: nn.Module) -> None:
    """Let go of the parameters that the module which `replacement` stands for had, and that are dropped now."""
    origin = origin_of(replacement)
    if origin is None:
        return
    for name, path in origin.names.items():
        owner, _, key = name.rpartition(".")
        holder, _, own = path.rpartition(".")
        if replacement.get_submodule(holder)._parameters[own] is None:
            view = origin.module.get_submodule(owner)
            view._parameters[key] = None
            if isinstance(view, nn.RNNBase):  # lists its parameters once more
                view._flat_weights = [None] * len(view._flat_weights)


def view_of(module: nn.Module, cls: type[nn.Module] | None = None) -> nn.Module:
    """Return a module with the same parameters, buffers and settings, without hooks, perhaps seen as a base class."""
    view = object.__new__(cls or type(module))
    view.__dict__.update({k: copy.copy(v) if type(v) in _CONTAINERS else v for k, v in vars(module).items()})
    view.__dict__.update({k: type(v)() for k, v in vars(module).items() if k in _HOOKS and v is not None})
    view.__dict__.pop("_origin", None)
    view._modules = {k: None if child is None else view_of(child) for k, child in module._modules.items()}
    return view


def _share_hooks(source: nn.Module, target: nn.Module) -> None:
    """Let both modules have the same hooks, so that the handles that users hold still remove them."""
    target.__dict__.update({name: vars(source)[name] for name in _HOOKS if name in vars(source)})
