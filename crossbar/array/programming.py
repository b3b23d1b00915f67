"""From a placement to programmed cells, and from cells to the transfer matrices of their arrays."""

import functools
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from crossbar.array.operating_point import operating_conductance
from crossbar.array.operation_units import driven_rows, driven_units, only_driven, split_tile_rows
from crossbar.config import CrossbarConfig
from crossbar.parasitics import transfer_matrix
from devices import (
    Device,
    ExactProgramming,
    FaultMap,
    ProgrammedCells,
    program_cells,
)
from devices.randomness import fork_generator
from mapping import Placement, gather_cells, tile_chunks
from mapping.placement import plane_cell_index


def level_step(placement: Placement, device: Device) -> Tensor:
    """Return the conductance of one level in each column [S], (tiles, cols); 0 where there is no column.

    It is float64 where the weights are, else float32.
    """
    precise = placement.scale.dtype == torch.float64
    top_level = (2**placement.column_bits - 1).to(torch.float64 if precise else torch.float32)
    return torch.where(top_level > 0, (device.g_max - device.g_min) / top_level, 0)


def target_conductance(placement: Placement, device: Device) -> Tensor:
    """Return the conductance each cell should have [S], (tiles, rows, cols); 0 where there is no cell."""
    target = (placement.levels * level_step(placement, device)[:, None, :]).add_(device.g_min).clamp_(max=device.g_max)
    if placement.references:
        reference = placement.column_index >= placement.outputs
        target.masked_fill_(reference[:, None, :], (device.g_min + device.g_max) / 2)
    return target.masked_fill_(~placement.present, 0)


def program_placement(
    placement: Placement,
    device: Device,
    *,
    target: Tensor | None = None,
    faults: FaultMap | None = None,
    generator: torch.Generator | None = None,
) -> ProgrammedCells:
    """Program every cell of a placement.

    Errors are drawn over the matrix of each plane, before it is cut into tiles, so that the same generator gives the
    same chip for any array size.

    Parameters
    ----------
    placement, device
        Where the cells are, and what they are.
    target
        Conductance to program each cell to [S], (tiles, rows, cols). Default: `target_conductance`.
    faults
        Cells known to be stuck, by plane, input and output: (planes, inputs_per_group, outputs), or its last two.
    generator
        Source of the errors.

    Returns
    -------
    ProgrammedCells
        In tile layout, (tiles, rows, cols); 0 where there is no cell.
    """
    wanted = target_conductance(placement, device) if target is None else target
    if faults is None and _draws_nothing(device):
        return program_cells(device, wanted, generator=generator)
    wanted = _plane_matrices(placement, wanted, device.g_min)
    cells = vars(_program_matrices(wanted, placement, device, faults, generator)).copy()
    del wanted
    tiles: dict[str, Any] = {}
    for f in fields(ProgrammedCells):
        matrices = cells.pop(f.name)  # large layers have no room for all of them in both layouts
        in_tiles = None if matrices is None else gather_cells(placement, matrices)
        tiles[f.name] = None if in_tiles is None else in_tiles.masked_fill(~placement.used, 0)
    programmed = ProgrammedCells(**tiles)
    crossings = placement.crossings
    if crossings is None:
        return programmed
    idle_target = torch.full_like(programmed.target, device.g_min)
    idle = program_cells(_as_drawn(device), idle_target, generator=fork_generator(generator))
    return _joined(programmed, idle, lambda part, other: torch.where(crossings, other, part))


def _draws_nothing(device: Device) -> bool:
    """Return whether all cells of a target are alike, so that they need no place in a plane to be drawn."""
    drawn = device.read_noise is not None and device.read_noise.draw == "programming"
    exact = isinstance(device.programming, ExactProgramming)
    return exact and not drawn and device.drift is None and device.stuck is None


def needs_target(device: Device) -> bool:
    """Return whether the conductance of a cell depends on its target once it is programmed."""
    return device.drift is not None or device.read_noise is not None


def check_drawable(config: CrossbarConfig) -> None:
    """Raise unless the fresh read noise of many cells can be drawn as one normal number per output.

    Raises
    ------
    ValueError
        If every read draws noise that is not normal, such as telegraph noise.
    """
    noise = config.device.read_noise
    if config.fresh_read_noise and noise is not None and not noise.gaussian and config.plan != "sampled":
        raise ValueError(
            f"`device.read_noise` must be normal where every read of an array draws it. Got {noise!r}. "
            "Use draw='programming' (each cell keeps one of its states), "
            "a normal noise of the same sigma, such as RelativeReadNoise, or plan='sampled'."
        )


def draw_placement_faults(
    placement: Placement,
    device: Device,
    *,
    faults: FaultMap | None = None,
    generator: torch.Generator | None = None,
) -> Tensor | None:
    """Return the conductance of the cells that `program_placement` will find stuck, without moving the generator.

    Returns
    -------
    Tensor or None
        [S], (tiles, rows, cols), NaN for all other cells; None where there can be no stuck cells.
    """
    if device.stuck is None and faults is None:
        return None
    free = replace(device, programming=ExactProgramming(), drift=None, read_noise=None)
    source = torch.default_generator if generator is None else generator
    state = source.get_state()
    cells = program_placement(placement, free, faults=faults, generator=generator)
    source.set_state(state)
    stuck = cells.stuck if cells.stuck is not None else torch.zeros_like(placement.used)
    return torch.where(stuck & placement.used, cells.programmed, torch.nan)


def _program_matrices(
    target: Tensor,
    placement: Placement,
    device: Device,
    faults: FaultMap | None,
    generator: torch.Generator | None,
) -> ProgrammedCells:
    """Program (planes, inputs_per_group, outputs_and_references); references leave the cells of weights as they are."""
    if not placement.references:
        return program_cells(device, target, faults=faults, generator=generator)
    own_stream = fork_generator(generator)
    weights = program_cells(device, target[..., : placement.outputs], faults=faults, generator=generator)
    references = program_cells(_as_drawn(device), target[..., placement.outputs :], generator=own_stream)
    return _joined(weights, references, lambda part, other: torch.cat([part, other], -1))


def _as_drawn(device: Device) -> Device:
    """Return a device without known faults, which are named by plane, input and output of weights."""
    return device if device.stuck is None else replace(device, stuck=replace(device.stuck, given=()))


def _joined(
    weights: ProgrammedCells, others: ProgrammedCells, join: Callable[[Tensor, Tensor], Tensor]
) -> ProgrammedCells:
    """Join the cells of weights and others, field by field."""
    joined: dict[str, Any] = {}
    for f in fields(weights):
        part, other = getattr(weights, f.name), getattr(others, f.name)
        if part is not None and other is None:  # faults that are known of weights only
            other = torch.zeros_like(others.target, dtype=part.dtype)
        joined[f.name] = None if part is None else join(part, other)
    return ProgrammedCells(**joined)


def read_transfer(placement: Placement, config: CrossbarConfig, conductance: Tensor, *, pulse: float = 1.0) -> Tensor:
    """Return the transfer matrices that reads see [S], exact for the wires.

    Parameters
    ----------
    placement
        Where the cells are.
    config
        Wires, and how many word lines are driven at a time.
    conductance
        Conductances of the cells [S], (tiles, rows, cols).
    pulse
        Pulse over the largest one: where cells are not ohmic, they are at its operating point.

    Returns
    -------
    Tensor
        (tiles, rows, cols), or one per operation unit, (units, parallel_rows, cols).
    """
    return as_read(conductance, config, transfer_at(pulse), driven=driven_of(placement, config))


def driven_of(placement: Placement, config: CrossbarConfig) -> Tensor | None:
    """Return which operation units of the arrays have a word line, bool, (tiles x units,); None: arrays are read whole."""
    rows = parallel_rows(placement, config)
    return None if rows is None else driven_units(placement, rows)


def as_read(
    conductance: Tensor,
    config: CrossbarConfig,
    solve: Callable[[Tensor, CrossbarConfig], Tensor],
    *,
    driven: Tensor | None,
) -> Tensor:
    """Solve the circuits in which cells are read, (tiles, rows, cols); one row per word line comes back.

    `driven` is `driven_of` their placement, or several times that, one after the other, for as many draws of its cells.
    """
    rows = config.parallel_rows
    if rows is None or driven is None:
        return solve(conductance, config)
    if config.undriven == "grounded":
        return split_tile_rows(solve(conductance, config), rows)[driven]
    if not len(conductance):
        return split_tile_rows(conductance, rows)
    units = -(-conductance.shape[1] // rows)
    return driven_rows(solve(only_driven(conductance, rows), config), units, rows)[driven]


def parallel_rows(placement: Placement, config: CrossbarConfig) -> int | None:
    """Return how many word lines of a tile are driven at a time, None for all."""
    rows = config.parallel_rows
    return None if rows is None or rows >= placement.levels.shape[1] else rows


def transfer_at(pulse: float) -> Callable[[Tensor, CrossbarConfig], Tensor]:
    """Return what gives the transfer matrices of arrays that are read whole [S], at a pulse over the largest."""
    return functools.partial(_transfer, pulse=pulse)


def _transfer(conductance: Tensor, config: CrossbarConfig, pulse: float) -> Tensor:
    operating = operating_conductance(conductance, config, pulse=pulse)
    return operating if config.wires.ideal or not conductance.numel() else transfer_matrix(operating, config.wires)


def _plane_matrices(placement: Placement, values: Tensor, fill: float) -> Tensor:
    """Lay cell values out by plane, (planes, inputs_per_group, outputs_and_references); no cell: `fill`."""
    size = placement.inputs_per_group * placement.outputs_and_references
    nowhere = placement.planes * size
    matrices = values.new_full((nowhere + 1,), fill)
    for tiles in tile_chunks(placement):
        index = plane_cell_index(placement, tiles).masked_fill_(~placement.used[tiles], nowhere)
        matrices.scatter_(0, index.flatten(), values[tiles].flatten())
    return matrices[:-1].view(placement.planes, placement.inputs_per_group, placement.outputs_and_references)
