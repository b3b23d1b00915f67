"""Giving layers of a converted model another mapping."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import nn

from crossbar.array import CrossbarArray
from crossbar.config import CrossbarConfig
from crossbar.conversion import named_analog_layers
from crossbar.layers import AbstractAnalogLayer
from devices.arguments import checked
from devices.randomness import generator_of
from mapping import MappingConfig


@checked
def remap_analog_weights(
    model: nn.Module,
    mappings: Mapping[str, MappingConfig],
    *,
    generator: torch.Generator | None = None,
    seed: int | None = None,
) -> None:
    """Give the named layers another mapping and program each of them anew; its clock starts at 0.

    Input ranges stay; output corrections and ADC ranges were fitted to the arrays before and are dropped.

    Parameters
    ----------
    model
        A model from `convert_to_analog`.
    mappings
        Mapping by the qualified name of an analog layer.
    generator
        Source of the programming errors, as in `program_analog_weights`.
    seed
        In place of `generator`: the chip of `torch.Generator().manual_seed(seed)`.

    Raises
    ------
    ValueError
        If a name is no analog layer of the model, or both `generator` and `seed` are given.
    """
    generator = generator_of(generator, seed)
    layers = dict(named_analog_layers(model))
    unknown = sorted(set(mappings) - set(layers))
    if unknown:
        raise ValueError(f"`mappings` names {', '.join(unknown)}, no analog layer. Analog layers: {', '.join(layers)}.")
    for name in mappings:
        layers[name].require_weights()
    for name, mapping in mappings.items():
        reconfigure(layers[name], replace(layers[name].array.config, mapping=mapping))
        layers[name].program(generator=generator)


def reconfigure(layer: AbstractAnalogLayer, config: CrossbarConfig) -> None:
    """Give a layer fresh arrays of another config, to be programmed; it keeps all corrections but the ADC steps."""
    layer.require_weights()
    array = CrossbarArray(config, groups=layer.array.groups)
    array.corrections = layer.array.corrections
    array.corrections["adc_steps"].clear()
    layer.array = array.to(layer.weight.device)
