"""The digital model whose layers are those of an analog one, matrix by matrix."""

import copy

from torch import nn

from crossbar.adapters import ADAPTERS, Adapters
from crossbar.decomposition import decompose
from crossbar.layers import AbstractAnalogLayer
from crossbar.layers.origin import restored
from devices.arguments import checked


@checked
def digital_twin(model: nn.Module, *, adapters: Adapters | None = None) -> nn.Module:
    """Return a digital model with a layer for every matrix of `model`, of the same names.

    Recurrent networks and attention are rebuilt around their matrices, as conversion rebuilds them, so that every name
    of `named_analog_layers` is the name of a digital layer with the same ideal weight: forward hooks then compare both
    models matrix by matrix.

    Parameters
    ----------
    model
        An analog model; or the digital model that one was converted from, whose own `nn.LSTM`, `nn.MultiheadAttention`
        and so on are rebuilt likewise.
    adapters
        Those given to `convert_to_analog`.

    Returns
    -------
    nn.Module
        A model of its own that shares its parameters with `model`, in the same mode.

    Examples
    --------
    >>> import crossbar as xb
    >>> twin = xb.digital_twin(analog)
    >>> for name, layer in xb.named_analog_layers(analog):
    ...     twin.get_submodule(name).register_forward_hook(remember(name))
    """
    memo: dict[int, nn.Module | nn.Parameter] = {id(p): p for p in model.parameters()}
    for module in model.modules():
        if isinstance(module, AbstractAnalogLayer):
            memo[id(module)] = restored(module, hooks=False)
    return decompose(copy.deepcopy(model, memo), {**ADAPTERS, **(adapters or {})})
