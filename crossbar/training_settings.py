"""Choosing what `train()` contains, for a model that is converted already."""

from collections.abc import Mapping
from dataclasses import replace

from torch import nn

from crossbar.conversion import analog_layers, named_analog_layers
from crossbar.training_effects import TrainingEffects
from devices.arguments import checked
from devices.validation import FieldValueError


@checked
def set_training_effects(model: nn.Module, effects: TrainingEffects | Mapping[str, TrainingEffects]) -> None:
    """Choose what analog layers contain in `train()` mode; chips, corrections and weights stay as they are.

    Call it before the optimiser is made: noise that learns brings a parameter to each layer.

    Parameters
    ----------
    model
        An analog model.
    effects
        For all its layers, or by their qualified names; layers that are not named keep theirs.

    Raises
    ------
    ValueError
        If the model has no analog layer, a name is none, or the effects do not fit a layer's config.
    """
    analog_layers(model)  # raises where there is none
    layers = dict(named_analog_layers(model))
    chosen = dict.fromkeys(layers, effects) if isinstance(effects, TrainingEffects) else dict(effects)
    unknown = sorted(set(chosen) - set(layers))
    if unknown:
        raise FieldValueError(
            f"`effects` must name analog layers. Got {', '.join(unknown)}; there are {', '.join(layers)}.", "effects"
        )
    configs = {name: replace(layers[name].array.config, training=effects) for name, effects in chosen.items()}
    for name, config in configs.items():
        layers[name].array.take_training(config)
