"""Arrays that hold nothing need not exist."""

from dataclasses import replace
from typing import Any

from mapping.placement import Placement
from mapping.reference_columns import zero_levels


def release_empty_tiles(placement: Placement) -> Placement:
    """Return the placement without the tiles that add nothing to any output; the others, and the weights, are unchanged.

    A released array of a differential pair leaves its partner's g_min current without a counterpart; the periphery then
    subtracts it, once per input and array.
    """
    weights = placement.used & (placement.column_index < placement.outputs)[:, None, :]
    kept = (weights & (placement.levels != zero_levels(placement)[:, None, :])).flatten(1).any(1)
    stack: dict[str, Any] = {name: tensor[kept] for name, tensor in placement.tensors().items() if name != "scale"}
    return replace(placement, **stack)
