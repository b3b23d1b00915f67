"""The power of all reads that were counted, in cells and wires, exact for what is programmed."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from crossbar.array import CrossbarArray
from crossbar.array.block_counts import BlockCounts
from crossbar.array.operating_point import operating_conductance
from crossbar.array.operation_units import driven_units, only_driven, split_tile_rows, units_per_tile
from crossbar.array.programming import parallel_rows
from crossbar.parasitics import input_admittance, split_read_power
from devices import Wires, conductance_at
from mapping import Placement

PARTS = ("cells", "word_lines", "bit_lines", "driver", "sense")
_NUMBERS_AT_ONCE = 2**22


@dataclass(kw_only=True)
class ArrayPower:
    """Sums over all arrays and reads [S x pulse units^2]: times the square of the voltage of a unit, in watts."""

    total: float = 0.0
    """What the drivers deliver."""
    low: float = 0.0
    """What they would deliver if nothing flowed from driven to idle word lines: never more."""
    high: float = 0.0
    """What they would deliver without wires: never less."""
    parts: dict[str, float] | None = None
    """Of the total, what each of `PARTS` dissipates; None where it was not asked for."""


@torch.no_grad()
def array_power(array: CrossbarArray, counts: BlockCounts, *, split: bool = False) -> ArrayPower:
    """Return what the arrays of a layer took for all reads counted, at the present time of the chip.

    Parameters
    ----------
    array
        Programmed arrays.
    counts
        Counted with second moments.
    split
        Whether to say where the power goes, at about three times the cost.
    """
    if counts.moments is None:
        raise ValueError("`counts` must have second moments. Count with `count_blocks(array, codes, moments=True)`.")
    if array.config.bends_pulses:
        raise ValueError(
            "The power of pulses of several bits through cells that are not ohmic does not follow from second moments. Got "
            f"{array.config.device.current_voltage!r} and pulses of {array.config.inputs.pulse_bits} bits. Use "
            "array_energy=False, or inputs.dac_bits=1."
        )
    power = ArrayPower(parts=dict.fromkeys(PARTS, 0.0) if split else None)
    wires = array.config.wires
    for verified, moments in _networks(array, counts.moments):
        conductance = operating_conductance(verified, array.config)
        energy = moments.diagonal(dim1=1, dim2=2)
        upper = float((conductance.sum(2).double() * energy).sum())
        power.high += upper
        if wires.ideal:
            power.total, power.low = power.total + upper, power.low + upper
        else:
            admittance = input_admittance(conductance, wires).double()
            power.total += float((admittance * moments).sum())
            power.low += float((admittance.sum(2) * energy).sum())
        if power.parts is not None:
            _add_parts(power.parts, conductance, moments, wires)
    return power


def _add_parts(parts: dict[str, float], conductance: Tensor, moments: Tensor, wires: Wires) -> None:
    if wires.ideal:
        parts["cells"] += float((conductance.sum(2).double() * moments.diagonal(dim1=1, dim2=2)).sum())
        return
    split = split_read_power(conductance, moments, wires)
    for name in PARTS:
        parts[name] += float(getattr(split, name).sum())


def _networks(array: CrossbarArray, moments: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield groups of circuits that are driven by themselves: conductances (n, rows, cols), moments (n, rows, rows)."""
    placement, config = array.placement, array.config
    conductance = conductance_at(config.device, array.cells, float(array.time)).masked_fill(~placement.present, 0)
    if not placement.tiles:
        return
    at_once = parallel_rows(placement, config)
    drives = _moments_of_tiles(array.read_placement, array, moments)
    if at_once is None:
        yield from _groups(conductance, drives)
        return
    driven = driven_units(placement, at_once)
    units = units_per_tile(placement, at_once)
    place = torch.arange(units, device=drives.device).repeat(placement.tiles)[driven]
    tile = torch.arange(placement.tiles, device=drives.device).repeat_interleave(units)[driven]
    if config.undriven == "open":
        alone = only_driven(conductance, at_once)[driven]
        yield from _groups(alone, _embedded(drives, torch.arange(len(drives), device=drives.device), place, units))
        return
    padded = split_tile_rows(conductance, at_once).view(placement.tiles, units * at_once, -1)
    # Units of an array are read one after the other: their moments stand side by side, without products between them.
    yield from _groups(padded, _embedded(drives, tile, place, units))


def _embedded(moments: Tensor, network: Tensor, place: Tensor, units: int) -> Tensor:
    """Put the moments (n, rows, rows) of units at their places on the diagonal of their networks' moments."""
    rows = moments.shape[1]
    networks = int(network.max()) + 1 if len(network) else 0
    wide = moments.new_zeros(networks, units, rows, units, rows)
    wide[network, place, :, place] = moments
    return wide.view(networks, units * rows, units * rows)


def _moments_of_tiles(read: Placement, array: CrossbarArray, moments: Tensor) -> Tensor:
    """Return the second moments of the voltages of every tile or unit, (tiles, rows, rows)."""
    block = block_of_tile(read, array)
    sign = read.row_sign.to(moments)
    return moments[block] * sign[:, :, None] * sign[:, None, :]


def block_of_tile(read: Placement, array: CrossbarArray) -> Tensor:
    """Return the block of every tile as reads see them, int64, (tiles,), in the order of the array's conversions."""
    _, pattern = torch.unique(read.word_lines(), dim=0, return_inverse=True)
    order = torch.empty_like(pattern[: int(pattern.max()) + 1] if len(pattern) else pattern)
    block_tile = array.conversions().block_tile
    order[pattern[block_tile]] = torch.arange(len(block_tile), device=order.device)
    return order[pattern]


def _groups(conductance: Tensor, moments: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    number = max(1, _NUMBERS_AT_ONCE // max(1, moments.shape[1] * max(moments.shape[1], conductance.shape[2])))
    yield from zip(torch.split(conductance, number), torch.split(moments, number), strict=True)
