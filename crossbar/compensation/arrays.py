"""A few arrays whose targets are sought together."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from crossbar.array.operation_units import driven_rows, driven_units, only_driven, units_per_tile
from crossbar.array.programming import parallel_rows, read_transfer
from crossbar.compensation.weight_cells import WeightCells, blocks_of, weight_cells
from crossbar.config import CrossbarConfig
from crossbar.parasitics import attenuation, ir_drop_estimate
from mapping import Placement

_CELLS_AT_ONCE = 1 << 16
"""Cells whose targets are sought together: few enough for the cache, enough to make calls cheap."""


@dataclass(frozen=True, kw_only=True)
class Arrays:
    """All arrays of some blocks of inputs: what one of them leaves over, another one of them can take."""

    placement: Placement
    """Where their cells are."""
    tiles: Tensor
    """Which tiles of the layer they are, int64, (tiles,)."""
    config: CrossbarConfig
    """Technology, with the wires that are assumed."""
    cells: WeightCells
    """Their cells, sorted by weights."""
    faults: Tensor | None
    """Conductance of known stuck cells, sorted by weights [S], NaN for all others."""
    alone: Tensor | None
    """1 for cells without a partner of the other sign, else 0, (tiles, rows, cols); None where all have one."""
    importance: Tensor
    """Square of each weight's input shift, (blocks, inputs, outputs); 0 for reference columns, and for weights of stuck
    cells that are corrected digitally."""
    component: Tensor
    """Number of the set of tiles that share weights, int64, (tiles,)."""

    @property
    def step(self) -> Tensor:
        """Conductance of one level of each slice [S], (slices,)."""
        return self.config.device.window.span / self.cells.top

    @property
    def signal(self) -> Tensor:
        """Rms conductance that the weights stand for in cells of the most significant slice [S]."""
        codes = (self.cells.code + self.placement.digital_offset) * self.cells.weight
        rms = (codes.square().sum() / self.cells.weight.sum().clamp(min=1)).sqrt()
        return (rms / self.cells.unit[0]).clamp(min=1e-6) * self.step[0]

    @property
    def rounding(self) -> float:
        """Rms rounding error of the least significant slice in cells of the most significant one [S], 0 without levels."""
        device, unit, step = self.config.device, self.cells.unit, self.step
        if device.levels is None:
            return 0.0
        error = device.window.span / (device.levels - 1) / 12**0.5
        return error * float(unit[-1] / step[-1] * step[0] / unit[0])

    @property
    def rows_at_once(self) -> Tensor:
        """Word lines that a conversion sums over, (tiles,)."""
        rows = self.placement.used.any(2).sum(1)
        return rows if self.config.parallel_rows is None else rows.clamp(max=self.config.parallel_rows)

    def attenuation(self, conductance: Tensor, *, exact: bool, tiles: Tensor | None = None) -> Tensor:
        """Return `T / G` of cells (tiles, rows, cols) behind the wires, exact or by the first-order law; 0 if open."""
        chosen = conductance if tiles is None else conductance[tiles]
        placement = self.placement if tiles is None else pick_tiles(self.placement, tiles)
        rows = parallel_rows(placement, self.config)
        if exact:
            transfer = read_transfer(placement, self.config, chosen)
            if rows is not None:
                transfer = _whole_tiles(transfer, placement, rows)
        elif rows is None or self.config.undriven == "grounded":
            transfer = ir_drop_estimate(chosen, self.config.wires)
        else:
            estimate = ir_drop_estimate(only_driven(chosen, rows), self.config.wires)
            units = driven_rows(estimate, units_per_tile(placement, rows), rows)
            transfer = _whole_tiles(units[driven_units(placement, rows)], placement, rows)
        return attenuation(chosen, transfer)


def split_arrays(placement: Placement, config: CrossbarConfig, faults: Tensor | None) -> Iterator[Arrays]:
    """Cut a layer into groups of arrays that are independent of each other.

    Parameters
    ----------
    placement
        Where the cells of the layer are.
    config
        Technology, with the wires that are assumed.
    faults
        Conductance of known stuck cells [S], (tiles, rows, cols), NaN for all others; or None.
    """
    if not placement.tiles:
        return
    block = blocks_of(placement)
    cells = placement.levels[0].numel()
    counts = torch.bincount(block).tolist()
    group, filled, number = [], 0, 0
    for count in counts:
        if filled and filled + count * cells > _CELLS_AT_ONCE:
            number, filled = number + 1, 0
        filled += count * cells
        group.append(number)
    group_of_tile = torch.tensor(group, device=block.device)[block]
    for index in range(number + 1):
        tiles = torch.nonzero(group_of_tile == index)[:, 0]
        yield _arrays(placement, tiles, config, None if faults is None else faults[tiles])


def pick_tiles(placement: Placement, tiles: Tensor) -> Placement:
    """Return some tiles of a placement as one of their own."""
    stack: dict[str, Any] = {name: tensor[tiles] for name, tensor in placement.tensors().items() if name != "scale"}
    return replace(placement, **stack)


def _whole_tiles(units: Tensor, placement: Placement, rows: int) -> Tensor:
    """Put driven operation units together again, (units, rows, cols) -> (tiles, rows, cols)."""
    driven = driven_units(placement, rows)
    every = units.new_zeros(len(driven), rows, units.shape[2])
    every[driven] = units
    return every.view(placement.tiles, -1, units.shape[2])[:, -placement.levels.shape[1] :]


def _arrays(placement: Placement, tiles: Tensor, config: CrossbarConfig, faults: Tensor | None) -> Arrays:
    part = pick_tiles(placement, tiles)
    cells = weight_cells(part)
    sorted_faults = None
    if faults is not None and not bool(faults.isnan().all()):
        sorted_faults = torch.where(
            cells.exists, faults.reshape(-1)[cells.cell.view(-1)].view(cells.cell.shape), torch.nan
        )
    alone = cells.exists & ~cells.paired[:, :, None]
    importance = _importance(part, cells)
    if sorted_faults is not None and config.compensation is not None and config.compensation.faults_corrected:
        importance = importance * sorted_faults.isnan().flatten(1, 2).all(1)
    return Arrays(
        placement=part,
        tiles=tiles,
        config=config,
        cells=cells,
        faults=sorted_faults,
        alone=cells.spread(alone.float(), cells.cell.new_zeros(part.used.shape, dtype=torch.float32))
        if bool(alone.any())
        else None,
        importance=importance,
        component=_components(part),
    )


def _importance(placement: Placement, cells: WeightCells) -> Tensor:
    if not placement.largest_shift:
        return cells.weight.float()
    shifts = (4.0**placement.row_shift)[:, :, None].expand(placement.used.shape)
    return cells.collect(shifts.contiguous()).flatten(1, 2).amax(1) * cells.weight


def _components(placement: Placement) -> Tensor:
    """Number the sets of tiles that hold cells of common weights, int64, (tiles,)."""
    block = blocks_of(placement)
    outputs = placement.outputs_and_references
    key = block[:, None] * outputs + placement.column_index.clamp(min=0)
    line = torch.unique(key, return_inverse=True)[1]
    line = torch.where(placement.column_index >= 0, line, int(line.max()) + 1)
    label = torch.arange(placement.tiles, device=block.device)
    while True:
        lowest = torch.full((int(line.max()) + 1,), placement.tiles, device=block.device)
        lowest.scatter_reduce_(0, line.view(-1), label.repeat_interleave(line.shape[1]), "amin")
        lowest[-1] = placement.tiles if bool((placement.column_index < 0).any()) else lowest[-1]
        spread = lowest[line].amin(1)
        if torch.equal(spread, label):
            number: Tensor = torch.unique(label, return_inverse=True)[1]
            return number
        label = spread
