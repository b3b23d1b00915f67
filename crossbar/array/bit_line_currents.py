"""The currents that converters see, for known input codes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from crossbar.array.cell_curve import bend
from crossbar.array.conversions import currents_of
from crossbar.array.drive import block_pulses

if TYPE_CHECKING:
    from crossbar.array.crossbar_array import CrossbarArray


@dataclass(frozen=True, kw_only=True, eq=False)
class BitLineCurrents:
    """Currents of the converters that share word lines."""

    column: Tensor
    """Bit line of each converter, as a position in (tiles x cols), int64, (converters,)."""
    partner: Tensor | None
    """The bit line that is subtracted from it before it converts, or None."""
    currents: Tensor
    """Currents [S x pulse units], (reads, converters)."""


def bit_line_currents(array: "CrossbarArray", codes: Tensor) -> Iterator[BitLineCurrents]:
    """Yield the currents of a read block by block, without read noise and converter errors.

    Parameters
    ----------
    array
        Programmed arrays.
    codes
        Input codes, (vectors, inputs).

    Yields
    ------
    BitLineCurrents
        Those of every cycle and phase in which any of the word lines is driven.
    """
    solved, found = array.solved(), array.conversions()
    matrices = [currents_of(transfer, found) for transfer in (solved.signed_transfer, *solved.signed_bends)]
    for block, tile in enumerate(found.block_tile.tolist()):
        chosen = found.block == block
        drives = block_pulses(codes.t(), solved.placement, array.config.inputs, tile)
        pulses = torch.cat([drive.flatten(1).t() for drive in drives])  # (reads, rows)
        pulses = pulses[pulses.any(1)]
        driven = [pulses] if solved.curve is None else [bend(pulses, worth) for worth in solved.curve.worth]
        yield BitLineCurrents(
            column=found.column[chosen],
            partner=None if found.partner is None else found.partner[chosen],
            currents=torch.cat(driven, 1) @ torch.cat([matrix[chosen] for matrix in matrices], 1).t(),
        )
