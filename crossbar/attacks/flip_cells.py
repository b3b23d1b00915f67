"""Flips on the programmed chip."""

from collections.abc import Iterable

import torch
import xarray as xr
from torch import nn

from crossbar.array import CrossbarArray
from crossbar.array.programming import level_step
from crossbar.array.rewriting import rewrite_cells, stored_levels
from crossbar.attacks.bit_flip import BitFlip
from crossbar.attacks.locate import array_of, bits_by_name, cell_of, locate_flips
from crossbar.conversion import named_analog_layers
from devices.arguments import checked
from devices.randomness import generator_of
from devices.validation import FieldValueError


@checked
def flip_cells(
    model: nn.Module,
    flips: Iterable[BitFlip],
    *,
    generator: torch.Generator | None = None,
    seed: int | None = None,
) -> xr.Dataset:
    """Flip bits of a programmed chip: each cell is written to the level that differs in that bit.

    The cells themselves change, so that reads, wires and counts see it; the placement still says what was meant, and a new
    programming puts it back. The level a cell has is the one nearest to what it was left with. Stuck cells do not answer.

    Parameters
    ----------
    model
        A programmed analog model.
    flips
        Bits; naming one twice flips it twice.
    generator
        Source of the programming errors of the written cells.
    seed
        In place of `generator`: that of `torch.Generator().manual_seed(seed)`.

    Returns
    -------
    xr.Dataset
        Where the cells lie, as from `locate_flips`.

    Raises
    ------
    ValueError
        If a bit is none of the model, or its cells have no levels, because their targets were compensated for the wires.
    RuntimeError
        If a layer is not programmed.
    """
    generator = generator_of(generator, seed)
    flips = list(flips)
    table = locate_flips(model, flips)
    arrays = {name: layer.array for name, layer in named_analog_layers(model)}
    by_layer = {name: (array_of(arrays, name, "flips"), own) for name, own in bits_by_name(flips).items()}
    for name, (array, _) in by_layer.items():
        require_levels(name, array)
    for array, own in by_layer.values():
        write_flips(array, own, generator=generator)
    return table


def require_levels(name: str, array: CrossbarArray) -> None:
    """Raise unless the cells of a layer were programmed to levels.

    Raises
    ------
    ValueError
        If they were compensated for the wires.
    """
    if array.signal is not None:
        raise FieldValueError(
            f"`model`: the cells of layer `{name}` must hold levels, whose bits can flip. Got targets that were "
            "compensated for the wires. Use CrossbarConfig(compensation=None).",
            "model",
        )


def write_flips(array: CrossbarArray, flips: Iterable[BitFlip], *, generator: torch.Generator | None) -> None:
    """Write the flipped levels of one layer."""
    placement, device = array.placement, array.config.device
    levels = stored_levels(array)
    chosen = torch.zeros_like(placement.used)
    for flip in flips:
        cell = cell_of(array, flip)
        levels[cell] ^= 1 << flip.bit
        chosen[cell] = True
    target = (levels * level_step(placement, device)[:, None, :]).add_(device.g_min)
    rewrite_cells(array, chosen, target.clamp(max=device.g_max), generator=generator)
