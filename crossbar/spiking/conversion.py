"""From a quantised network to the spiking network that ends with the same answers."""

import copy
import re

from torch import nn

from crossbar.adapters import ADAPTERS, find_adapter
from crossbar.conversion import named_analog_layers
from crossbar.layers import ANALOG_LAYERS, DecomposedRecurrent, DecomposedRecurrentCell
from crossbar.spiking.calibrate_activations import quantised_activations
from crossbar.spiking.counting_neuron import CountingNeuron
from crossbar.spiking.event_driven_layer import EventDrivenLayer
from crossbar.spiking.quantised_activation import AbstractQuantisedActivation
from crossbar.spiking.state import AbstractStateful, begin_step
from devices.arguments import checked

_FUNCTIONS = "torch.nn.modules.activation"
"""Where torch keeps activations, attention among them."""
_LOOKED_UP = re.compile(r"(Embedding(Bag)?|BatchNorm(\dd)?)$")
"""Modules with parameters of their own that stay as they are."""


@checked
def spiking_from_quantised(model: nn.Module) -> nn.Module:
    """Return the spiking network of a quantised one: after enough time steps on the same input it gives the same answer.

    Every quantised activation becomes a layer of ternary neurons with a bounded count (SpikeZIP, You et al., ICML 2024,
    arXiv 2406.03470), every linear or convolutional layer is driven with their spikes, and gets its bias once. Between
    them running totals are handed on, so batch norms in eval mode, residual sums, average and maximum pooling and gates
    of recurrent layers are what they were, and layers used several times are right. Where sums are exact (double
    precision, and weights of few bits) the answer is that of the quantised network to the last bit, and elsewhere
    unless a sum that is rounded lies next to the middle between two levels.

    Run it by `run_over_time` or `OverTime`; called by hand it does one time step, given the same input at each. Convert
    it by `convert_to_analog` with `InputConfig(bits=1)`, the layers that take the input of the network, or averages,
    with codes of more bits.

    Parameters
    ----------
    model
        A digital network with quantised activations (`quantise_activations`); a network on crossbars goes back by
        `convert_to_digital` first, batch norms and all. Parameters are shared.

    Returns
    -------
    nn.Module
        A model in eval mode with layers of the same names; the weights of layer `name` are in `name.layer`.

    Raises
    ------
    TypeError
        If a layer cannot be converted: an activation that is not quantised, or weights that are no linear map. It is
        named.
    ValueError
        If the model has no quantised activation, has analog layers, or is spiking already.
    """
    for name, module in model.named_modules():
        if isinstance(module, AbstractStateful):
            raise ValueError(f"`model` must not be spiking yet. Got {type(module).__name__} at {name!r}.")
    analog = [name for name, _ in named_analog_layers(model)]
    if analog:
        raise ValueError(
            f"`model` must be digital. Got analog layers: {', '.join(analog)}. Call `convert_to_digital`, then this, then "
            "`convert_to_analog` with `InputConfig(bits=1)`; programmed with the same seed it is the same chip."
        )
    quantised_activations(model)
    for name, module in model.named_modules():
        _check_convertible(name, module)
    shared = {id(parameter): parameter for parameter in model.parameters()}
    spiking = _spiking(copy.deepcopy(model, shared), {})
    spiking.register_forward_pre_hook(begin_step)
    return spiking.eval()


def _check_convertible(name: str, module: nn.Module) -> None:
    """Raise, naming the layer, if a module has no spiking form."""
    kind, where = type(module).__name__, f"Layer {name!r} ({type(module).__name__})"
    if isinstance(module, AbstractQuantisedActivation) or _is_layer(module):
        return
    if isinstance(module, nn.RNNBase | nn.RNNCellBase):
        raise TypeError(
            f"{where} cannot be converted: its state is not quantised. Call `quantise_activations` on the model."
        )
    if any(cls.__module__ == _FUNCTIONS for cls in type(module).__mro__):
        raise TypeError(
            f"{where} cannot be converted: spikes carry quantised activations only. Use ReLU and "
            "`quantise_activations`, or put `QuantisedReLU` or `QuantisedIdentity` in its place."
        )
    composite = isinstance(module, DecomposedRecurrent | DecomposedRecurrentCell)
    if composite or any(_LOOKED_UP.search(cls.__name__) for cls in type(module).__mro__):
        return
    if any(True for _ in module.parameters(recurse=False)):
        raise TypeError(
            f"{where} cannot be converted: it has parameters but is no linear or convolutional layer, nor batch norm. "
            f"Rewrite {kind} with layers of torch.nn."
        )


def _is_layer(module: nn.Module) -> bool:
    """Return whether a module is a linear map with a bias, as torch has them."""
    return find_adapter(module, ADAPTERS) in ANALOG_LAYERS.values()


def _spiking(module: nn.Module, done: dict[nn.Module, nn.Module]) -> nn.Module:
    """Return the spiking form of a module; one that is used in several places stays one."""
    if module in done:
        return done[module]
    if isinstance(module, AbstractQuantisedActivation):
        done[module] = CountingNeuron(module)
    elif _is_layer(module):
        done[module] = EventDrivenLayer(module)
    else:
        done[module] = module
        for name, child in list(module._modules.items()):
            if child is not None:
                setattr(module, name, _spiking(child, done))
    return done[module]
