"""Programming a model's chip and moving its clock."""

import torch
from torch import nn

from crossbar.conversion import analog_layers
from devices.arguments import checked
from devices.validation import check_nonnegative


@checked
def program_analog_weights(model: nn.Module, *, generator: torch.Generator | None = None) -> None:
    """Program every analog layer of `model` from its ideal weights: a fresh chip, its clock at 0.

    Parameters
    ----------
    model
        A model from `convert_to_analog`.
    generator
        Source of the programming errors, faults and drift exponents: the same seed gives the same chip, for any array
        size. Default: torch's own stream.
    """
    for layer in analog_layers(model):
        layer.program(generator=generator)


@checked
def drift_analog_weights(model: nn.Module, t: float, *, generator: torch.Generator | None = None) -> None:
    """Move the clock of every analog layer to `t` seconds since programming.

    Each cell keeps what it drew at programming (its drift exponent), so the clock can be moved back and forth; with a
    generator that is drawn anew.

    Raises
    ------
    RuntimeError
        If a layer is not programmed.
    ValueError
        If `t` is negative or not finite.
    """
    check_nonnegative("t", t, hint="It is in seconds since programming.")
    layers = analog_layers(model)
    for layer in layers:
        layer.array.require_programmed()
    for layer in layers:
        layer.drift(t, generator=generator)
