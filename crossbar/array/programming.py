"""From a placement to programmed cells, and from cells to the transfer matrices of their arrays."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
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
    conductance_at,
    program_cells,
)
from devices.randomness import fork_generator
from mapping import Placement, gather_cells, tile_chunks
from mapping.placement import fill_outside, plane_cell_index, some_tiles


def level_step(placement: Placement, device: Device) -> Tensor:
    """Return the conductance of one level in each column [S], (tiles, cols); 0 where there is no column.

    It is float64 where the weights are, else float32.
    """
    precise = placement.scale.dtype == torch.float64
    top_level = (2**placement.column_bits - 1).to(torch.float64 if precise else torch.float32)
    return torch.where(top_level > 0, (device.g_max - device.g_min) / top_level, 0)


def target_conductance(placement: Placement, device: Device) -> Tensor:
    """Return the conductance each cell should have [S], (tiles, rows, cols); 0 where there is no cell."""
    step = level_step(placement, device)[:, None, :]
    target = step.new_empty(placement.levels.shape)
    for tiles in tile_chunks(placement):
        part = torch.mul(placement.levels[tiles], step[tiles], out=target[tiles])
        part.add_(device.g_min).clamp_(max=device.g_max)
        if placement.references:
            reference = placement.column_index[tiles] >= placement.outputs
            part.masked_fill_(reference[:, None, :], (device.g_min + device.g_max) / 2)
        fill_outside(part, some_tiles(placement, tiles).present, 0)
    return target


def program_placement(
    placement: Placement,
    device: Device,
    *,
    target: Tensor | None = None,
    faults: FaultMap | None = None,
    generator: torch.Generator | None = None,
) -> dict[str, Any]:
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
    dict
        What every cell was left with, by the names of the fields of `ProgrammedCells` other than `target`; in tile
        layout, (tiles, rows, cols), 0 where there is no cell.
    """
    wanted = target_conductance(placement, device) if target is None else target
    if faults is None and _draws_nothing(device):
        return _drawn(program_cells(device, wanted, generator=generator))
    # Large layers have no room for everything in both layouts.
    wanted = _plane_matrices(placement, wanted, device.g_min)
    matrices = _program_matrices(wanted, placement, device, faults, generator)
    del wanted
    tiles: dict[str, Any] = {}
    for name in list(matrices):
        matrix = matrices.pop(name)
        tiles[name] = None if matrix is None else gather_cells(placement, matrix)
    crossings = placement.crossings
    if crossings is None:
        return tiles
    idle_target = torch.full(crossings.shape, device.g_min, dtype=level_step(placement, device).dtype)
    idle = program_cells(_as_drawn(device), idle_target.to(crossings.device), generator=fork_generator(generator))
    return _joined(tiles, _drawn(idle), lambda part, other: torch.where(crossings, other, part))


def _drawn(cells: ProgrammedCells) -> dict[str, Any]:
    """Return what programming left, without the target."""
    return {name: value for name, value in vars(cells).items() if name != "target"}


def _draws_nothing(device: Device) -> bool:
    """Return whether all cells of a target are alike, so that they need no place in a plane to be drawn."""
    drawn = device.read_noise is not None and device.read_noise.draw == "programming"
    exact = isinstance(device.programming, ExactProgramming)
    return exact and not drawn and device.drift is None and device.stuck is None


def programmed_conductance(
    placement: Placement, device: Device, drawn: Mapping[str, Any], t: float, *, target: Tensor | None = None
) -> Tensor:
    """Return the conductance of every cell at `t` seconds since programming [S], (tiles, rows, cols); 0: no cell.

    Parameters
    ----------
    placement, device
        Where the cells are, and what they are.
    drawn
        What `program_placement` left.
    t
        Time since programming [s].
    target
        What the cells were programmed to [S], (tiles, rows, cols). Default: `target_conductance`.
    """
    conductance = torch.empty_like(drawn["programmed"])
    for tiles in tile_chunks(placement):
        part = some_tiles(placement, tiles)
        own: dict[str, Any] = {name: None if value is None else value[tiles] for name, value in drawn.items()}
        asked: Tensor = own["programmed"] if target is None else target[tiles]
        if target is None and _remembers_target(device, t):
            asked = target_conductance(part, device)
        cells = ProgrammedCells(target=asked, **own)
        conductance[tiles] = fill_outside(conductance_at(device, cells, t), part.present, 0)
    return conductance


def _remembers_target(device: Device, t: float) -> bool:
    """Return whether the conductance of a programmed cell depends on its target."""
    noise = device.read_noise
    return (device.drift is not None and t > 0) or (noise is not None and noise.draw == "programming")


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
    stuck = cells["stuck"] if cells["stuck"] is not None else torch.zeros_like(placement.used)
    return torch.where(stuck & placement.used, cells["programmed"], torch.nan)


def _program_matrices(
    target: Tensor,
    placement: Placement,
    device: Device,
    faults: FaultMap | None,
    generator: torch.Generator | None,
) -> dict[str, Any]:
    """Program (planes, inputs_per_group, outputs_and_references); references leave the cells of weights as they are."""
    if not placement.references:
        return _drawn(program_cells(device, target, faults=faults, generator=generator))
    own_stream = fork_generator(generator)
    weights = program_cells(device, target[..., : placement.outputs], faults=faults, generator=generator)
    references = program_cells(_as_drawn(device), target[..., placement.outputs :], generator=own_stream)
    return _joined(_drawn(weights), _drawn(references), lambda part, other: torch.cat([part, other], -1))


def _as_drawn(device: Device) -> Device:
    """Return a device without known faults, which are named by plane, input and output of weights."""
    return device if device.stuck is None else replace(device, stuck=replace(device.stuck, given=()))


def _joined(
    weights: dict[str, Any], others: dict[str, Any], join: Callable[[Tensor, Tensor], Tensor]
) -> dict[str, Any]:
    """Join the cells of weights and others, field by field."""
    joined: dict[str, Any] = {}
    for name, part in weights.items():
        other = others[name]
        if part is not None and other is None:  # faults that are known of weights only
            other = torch.zeros_like(others["programmed"], dtype=part.dtype)
        joined[name] = None if part is None else join(part, other)
    return joined


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
        index = fill_outside(plane_cell_index(placement, tiles), placement.used[tiles], nowhere)
        matrices.scatter_(0, index.flatten(), values[tiles].flatten())
    return matrices[:-1].view(placement.planes, placement.inputs_per_group, placement.outputs_and_references)
