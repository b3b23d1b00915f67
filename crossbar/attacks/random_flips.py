"""Flips by chance: what faults and untargeted attackers do."""

import torch
from torch import nn

from crossbar.attacks.bit_flip import BitFlip
from crossbar.attacks.changes import BitChanges, bit_changes
from crossbar.attacks.flip_cells import require_levels
from crossbar.conversion import analog_layers, named_analog_layers
from devices.arguments import checked
from devices.randomness import generator_of
from devices.validation import FieldValueError, check_integer
from mapping import Placement
from mapping.bit_addresses import weights_of_cells


@checked
def random_flips(
    model: nn.Module, number: int, *, generator: torch.Generator | None = None, seed: int | None = None
) -> list[BitFlip]:
    """Draw bits of a programmed chip, each cell's bits alike and none twice; `flip_cells` flips them.

    Parameters
    ----------
    model
        A programmed analog model.
    number
        Bits to draw.
    generator
        Source of the choice.
    seed
        In place of `generator`: that of `torch.Generator().manual_seed(seed)`.

    Raises
    ------
    ValueError
        If the model has fewer bits.
    RuntimeError
        If a layer is not programmed.
    """
    generator = generator_of(generator, seed)
    check_integer("number", number, at_least=0)
    analog_layers(model)
    arrays = {name: layer.array for name, layer in named_analog_layers(model)}
    for name, array in arrays.items():
        array.require_programmed()
        require_levels(name, array)
    changes = {name: bit_changes(array) for name, array in arrays.items()}
    total = sum(len(found.cell) for found in changes.values())
    if number > total:
        raise FieldValueError(f"`number` must be <= the {total} bits of the model. Got {number}.", "number")
    drawn = torch.randperm(total, generator=generator, device=generator.device if generator else None)[:number].tolist()
    flips = []
    for place in drawn:
        for name, found in changes.items():
            if place < len(found.cell):
                flips.append(flip_of(name, arrays[name].placement, found, place))
                break
            place -= len(found.cell)
    return flips


def flip_of(layer: str, placement: Placement, changes: BitChanges, place: int) -> BitFlip:
    """Return the name of a bit by its place among the changes of a layer."""
    rows, cols = placement.levels.shape[1:]
    cell = changes.cell[place]
    found = weights_of_cells(placement, cell // (rows * cols), cell // cols % rows, cell % cols)
    return BitFlip(
        layer=layer,
        plane=int(found.plane),
        input=int(found.input),
        output=int(found.output),
        bit=int(changes.bit[place]),
    )
