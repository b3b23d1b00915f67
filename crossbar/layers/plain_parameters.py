"""Whether the weights of a layer are its parameters, which an analog layer takes over."""

from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.utils import parametrize, prune


def require_plain_parameters(module: nn.Module, name: str) -> None:
    """Raise unless the weights of a layer are parameters of its own.

    Raises
    ------
    ValueError
        If they are computed from others (parametrised, pruned), which training of an analog layer would not follow, or
        not made yet (lazy).
    """
    if isinstance(module, LazyModuleMixin) and module.has_uninitialized_params():
        raise ValueError(
            f"{_told(name)}, {type(module).__name__}, has no weights yet. Run the model once on an example of its input."
        )
    for inner in module.modules():
        remedy = _remedy(inner)
        if remedy is not None:
            raise ValueError(
                f"{_told(name)}, {type(module).__name__}, computes its weights from other parameters, which its analog "
                f"form would not follow. Call `{remedy}` first, or keep it digital with `overrides={{{name!r}: None}}`."
            )


def _remedy(module: nn.Module) -> str | None:
    """Return what makes the weights of a module its parameters; None if they are."""
    if parametrize.is_parametrized(module):
        names = ", ".join(repr(name) for name in module.parametrizations)  # type: ignore[union-attr]
        return f"torch.nn.utils.parametrize.remove_parametrizations(layer, {names})"
    if prune.is_pruned(module):
        return "torch.nn.utils.prune.remove(layer, 'weight')"
    for hook in module._forward_pre_hooks.values():
        kind = type(hook).__name__
        if kind in ("WeightNorm", "SpectralNorm"):
            return f"torch.nn.utils.remove_{'weight' if kind == 'WeightNorm' else 'spectral'}_norm(layer)"
    return None


def _told(name: str) -> str:
    return f"Layer {name!r}" if name else "The model"
