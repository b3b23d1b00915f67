"""Programming a model's chip and moving its clock."""

from collections.abc import Mapping

import torch
from torch import nn

from crossbar.conversion import analog_layers, named_analog_layers
from devices import FaultMap
from devices.arguments import checked
from devices.randomness import generator_of
from devices.validation import FieldValueError, check_nonnegative


@checked
def program_analog_weights(
    model: nn.Module,
    *,
    faults: Mapping[str, FaultMap] | None = None,
    generator: torch.Generator | None = None,
    seed: int | None = None,
) -> None:
    """Program every analog layer of `model` from its ideal weights: a fresh chip, its clock at 0.

    Parameters
    ----------
    model
        A model from `convert_to_analog`.
    faults
        Stuck cells that the chip is known to have, by layer as in `named_analog_layers`: boolean maps over the planes,
        inputs and outputs of its weight matrix, or over inputs and outputs. They add to those that `Device.stuck` draws.
    generator
        Source of the programming errors, faults and drift exponents: the same seed gives the same chip, for any array
        size. Default: torch's own stream.
    seed
        In place of `generator`: the chip of `torch.Generator().manual_seed(seed)`.

    Raises
    ------
    ValueError
        If the model has no analog layer, `faults` names none of them, or a map has another shape than the layer's cells,
        or both `generator` and `seed` are given.
    """
    generator = generator_of(generator, seed)
    analog_layers(model)  # raises where there is none
    layers = dict(named_analog_layers(model))
    faults = {} if faults is None else faults
    unknown = sorted(set(faults) - set(layers))
    if unknown:
        raise FieldValueError(
            f"`faults` must name analog layers. Got {', '.join(unknown)}; there are {', '.join(layers) or 'none'}.",
            "faults",
        )
    for name, layer in layers.items():
        try:
            layer.program(faults=faults.get(name), generator=generator)
        except FieldValueError as error:
            if name not in faults:
                raise
            raise FieldValueError(f"`faults` of layer `{name}`: {error}", "faults") from error


@checked
def drift_analog_weights(
    model: nn.Module, t: float, *, generator: torch.Generator | None = None, seed: int | None = None
) -> None:
    """Move the clock of every analog layer to `t` seconds since programming.

    Each cell keeps what it drew at programming (its drift exponent), so the clock can be moved back and forth; with a
    generator, or the `seed` of one, that is drawn anew.

    Raises
    ------
    RuntimeError
        If a layer is not programmed.
    ValueError
        If `t` is negative or not finite, or both `generator` and `seed` are given.
    """
    generator = generator_of(generator, seed)
    check_nonnegative("t", t, hint="It is in seconds since programming.")
    layers = analog_layers(model)
    for layer in layers:
        layer.array.require_programmed()
    for layer in layers:
        layer.drift(t, generator=generator)
