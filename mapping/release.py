"""Arrays that hold nothing need not exist."""

from dataclasses import replace
from typing import Any

from devices.arguments import checked
from mapping.placement import Placement
from mapping.reference_columns import refuse_references


@checked
def release_empty_tiles(placement: Placement) -> Placement:
    """Return the placement without the tiles whose every level is 0; the others, and the weights, are unchanged.

    A released array of a differential pair leaves its partner's g_min current without a counterpart; the periphery then
    subtracts it, once per input and array.

    Raises
    ------
    ValueError
        If the placement has reference columns.
    """
    refuse_references(placement)
    kept = (placement.levels != 0).flatten(1).any(1)
    stack: dict[str, Any] = {name: tensor[kept] for name, tensor in placement.tensors().items() if name != "scale"}
    return replace(placement, **stack)
