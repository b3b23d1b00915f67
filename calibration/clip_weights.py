"""Weights kept within a few standard deviations, so that the largest of an output does not set the scale of all."""

import torch
from torch import nn

from crossbar.conversion import analog_layers
from crossbar.layers import AbstractAnalogLayer
from devices.arguments import checked
from devices.validation import check_positive


@checked
@torch.no_grad()
def clip_weights(model: nn.Module, *, deviations: float = 2.5) -> None:
    """Clip the ideal weights of every analog layer to +-`deviations` standard deviations of their output, in place.

    Noise of a chip is relative to the largest weight that shares a scale; called after every step of an optimiser, this
    keeps that weight small (Büchel et al., "Analog foundation models", NeurIPS 2025, with 2.5 to 3; `train_hardware_aware`
    calls it). The deviation is taken about zero, so an output whose weights are all alike keeps them. The chip has to be
    programmed anew.

    Parameters
    ----------
    model
        A converted model. Layers whose matrix is computed from their weights (weight standardisation) are left out.
    deviations
        Largest |weight|, in standard deviations of the weights of its output; with 1 or more at least one weight of
        every output stays.

    Raises
    ------
    ValueError
        If `deviations` is not positive, or the model has no analog layer.
    """
    check_positive("deviations", deviations)
    for layer in analog_layers(model):
        layer.require_weights()
        _clip(layer, deviations)


def _clip(layer: AbstractAnalogLayer, deviations: float) -> None:
    """Clip one layer."""
    matrix = layer.weight_matrix().t()  # (outputs, inputs per group)
    if not torch.equal(layer.shape_weight(matrix), layer.weight):
        return
    spread = matrix.float().square().mean(1, keepdim=True).sqrt()
    bound = (deviations * spread).to(matrix.dtype)
    clipped = torch.minimum(torch.maximum(matrix, -bound), bound)
    # Copied only where something moves: every copy counts as a new weight, whose chip would be stale.
    if not torch.equal(clipped, matrix):
        layer.weight.copy_(layer.shape_weight(clipped))
