"""Random resistive memory: weights that nobody programmed, of which a mask says which ones count."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crossbar.array import CrossbarArray
from crossbar.array.rewriting import rewrite_cells
from crossbar.conversion import named_analog_layers
from devices import ExactProgramming
from devices.arguments import checked
from devices.validation import FieldValueError
from mapping import gather_cells


@checked
def reset_pairs(model: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Reset the cells of weights to the lower end of the window, where the two cells of a pair cancel: the weight is 0.

    All other cells keep what they are, so that on a chip whose cells are as formed (`AsFormedProgramming`) the mask alone
    says what the network is (edge pruning of random resistive memory, Nat. Commun. 2026, doi 10.1038/s41467-025-67960-6).

    Parameters
    ----------
    model
        Programmed analog model.
    masks
        By the name of an analog layer, the weights that are reset, bool, (inputs per group, outputs).

    Raises
    ------
    ValueError
        If a name is no analog layer, a mask is not boolean or has another shape than the matrix, or the weights of a
        layer are not pairs of cells.
    RuntimeError
        If a layer is not programmed.
    """
    layers = dict(named_analog_layers(model))
    unknown = sorted(set(masks) - set(layers))
    if unknown:
        raise FieldValueError(
            f"`masks` must name analog layers. Got {', '.join(unknown)}; there are {', '.join(layers)}.", "masks"
        )
    for name, mask in masks.items():
        require_pairs(name, layers[name].array)
        placement = layers[name].array.placement
        size = (placement.inputs_per_group, placement.outputs)
        if mask.dtype != torch.bool or tuple(mask.shape) != size:
            raise FieldValueError(
                f"`masks` of layer `{name}` must be boolean, {size}. Got {mask.dtype}, {tuple(mask.shape)}.", "masks"
            )
    for name, mask in masks.items():
        _reset(layers[name].array, mask)


def require_pairs(name: str, array: CrossbarArray) -> None:
    """Raise unless the weights of a layer are pairs of cells.

    Raises
    ------
    ValueError
        If they are not.
    """
    mapping = array.config.mapping
    if not mapping.sign_encoding.has_pairs:
        raise FieldValueError(
            f"`model`: the weights of layer `{name}` must be pairs of cells, so that reset ones give 0. Got "
            f"encoding={mapping.encoding!r}. Use MappingConfig(encoding='differential').",
            "model",
        )


def _reset(array: CrossbarArray, mask: Tensor) -> None:
    placement = array.placement
    every = F.pad(mask.to(placement.used.device), (0, placement.references))
    chosen = gather_cells(placement, every.expand(placement.planes, *every.shape))
    target = array.cells.programmed.new_full(placement.used.shape, array.config.device.g_min)
    rewrite_cells(array, chosen, target, programming=ExactProgramming())
