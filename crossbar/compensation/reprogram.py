"""Giving a programmed model's layers targets that are compensated for their wires."""

from dataclasses import replace

import torch
from torch import nn

from crossbar.conversion import named_analog_layers
from crossbar.remapping import reconfigure
from crossbar.wire_compensation import WireCompensation
from devices.arguments import checked
from devices.randomness import generator_of


@checked
def compensate_wires(
    model: nn.Module,
    compensation: WireCompensation | None = None,
    *,
    generator: torch.Generator | None = None,
    seed: int | None = None,
) -> None:
    """Program every analog layer anew with targets compensated for its wires; the clocks stand where they stood.

    Input ranges stay; output corrections and ADC ranges were fitted to the arrays before and are dropped.

    Parameters
    ----------
    model
        A model from `convert_to_analog`.
    compensation
        What is assumed. Default: `WireCompensation()`.
    generator
        Source of the programming errors, as in `program_analog_weights`.
    seed
        In place of `generator`: the chip of `torch.Generator().manual_seed(seed)`.

    Raises
    ------
    ValueError
        If both `generator` and `seed` are given.
    """
    generator = generator_of(generator, seed)
    for _, layer in named_analog_layers(model):
        before = layer.array
        reconfigure(layer, replace(before.config, compensation=compensation or WireCompensation()))
        layer.program(generator=generator)
        if before.programmed_yet and float(before.time):
            layer.drift(float(before.time))
