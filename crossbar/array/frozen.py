"""What stays of a chip of which only reads are wanted: one effective weight, and how many arrays it stands for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from crossbar.array.reads import Plan
from crossbar.config import CrossbarConfig
from crossbar.serialization import tensor_to_text
from mapping import Placement
from mapping.accounting import Footprint, footprint


@dataclass(frozen=True, kw_only=True)
class FrozenChip:
    """The size of arrays that are no longer at hand, as `Footprint` counts it."""

    crossbars: int
    """Arrays."""
    cells: int
    """Cells that held a bit of a weight."""
    array_cells: int
    """Cells of one array."""
    adc_conversions: int
    """Conversions per input vector."""
    input_cycles: int
    """Cycles per input vector."""

    @property
    def footprint(self) -> Footprint:
        """The same numbers as a footprint."""
        return Footprint(**vars(self))


def frozen_chip(placement: Placement, config: CrossbarConfig, plan: Plan) -> FrozenChip:
    """Count what a placement takes before it goes.

    Raises
    ------
    ValueError
        If it is read tile by tile.
    """
    if plan.kind != "collapsed":
        raise ValueError(
            f"Only layers with one effective weight can be frozen. This one is read tile by tile: {plan.reason}. "
            "Keep it as it is, or convert with `adc=None` or plan='collapsed' if single conversions do not matter."
        )
    counted = footprint(
        placement, config.inputs.cycles, parallel_rows=config.parallel_rows, subtract_pairs=config.subtracts_pairs
    )
    return FrozenChip(**vars(counted))


def require_arrays(frozen: FrozenChip | None) -> None:
    """Raise unless the cells of a chip are at hand.

    Raises
    ------
    RuntimeError
        If the chip is frozen.
    """
    if frozen is not None:
        raise RuntimeError(
            "This layer's chip is frozen: only its effective weight is left, no cells, wires or clock. What drifts, is "
            "solved or fitted to single arrays needs them: do it before `crossbar.freeze_analog_weights(model)`."
        )


def stored_frozen(state_dict: Mapping[str, Any], prefix: str) -> bool:
    """Return whether a checkpoint of arrays is that of a frozen chip."""
    state = state_dict.get(prefix + "_extra_state")
    if not isinstance(state, Tensor) or state.is_meta:
        return False
    try:
        return "frozen" in json.loads(tensor_to_text(state))["placement"]
    except (ValueError, TypeError, KeyError, RuntimeError, RecursionError):
        return False  # whoever reads the whole description says what is damaged
