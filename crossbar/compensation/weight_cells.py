"""The cells of a placement, sorted by the weights that they form."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mapping import Placement
from mapping.ranks import rank_among_equals


@dataclass(frozen=True, kw_only=True)
class WeightCells:
    """Which cells form each weight: slices by falling significance, and of each slice a positive and a negative cell.

    A block is a set of arrays that see the same inputs. Inputs and outputs are counted within a block; where it has
    fewer than others, no cell exists. Everything is in the layout (blocks, slices, signs, inputs, outputs), signs being
    (positive, negative).
    """

    cell: Tensor
    """Position of each cell among (tiles, rows, cols), int64; 0 where there is none."""
    exists: Tensor
    """Whether there is such a cell, bool."""
    unit: Tensor
    """What one level of each slice weighs in integer units, without row shift, float32, (slices,)."""
    top: Tensor
    """Highest level of each slice, float32, (slices,)."""
    digit: Tensor
    """Level of the positive less that of the negative cell, float32, (blocks, slices, inputs, outputs)."""
    weight: Tensor
    """Whether cells form a weight rather than a reference column, bool, (blocks, inputs, outputs)."""

    @property
    def paired(self) -> Tensor:
        """Whether cells of both signs form a slice, bool, (blocks, slices, inputs, outputs)."""
        return self.exists[:, :, 0] & self.exists[:, :, 1]

    @property
    def code(self) -> Tensor:
        """Integer that the cells of each weight stand for, without row shift, float32, (blocks, inputs, outputs)."""
        return torch.einsum("bsio,s->bio", self.digit, self.unit)

    def collect(self, values: Tensor) -> Tensor:
        """Sort cell values (tiles, rows, cols) by weights; 0 where there is no cell."""
        return values.reshape(-1)[self.cell.view(-1)].view(self.cell.shape).mul_(self.exists)

    def spread(self, values: Tensor, like: Tensor) -> Tensor:
        """Return sorted values to the cells, (tiles, rows, cols) as `like`; 0 where there is no cell."""
        result = like.new_zeros(like.numel() + 1)
        result.scatter_(0, torch.where(self.exists, self.cell, like.numel()).view(-1), values.reshape(-1))
        return result[:-1].view(like.shape)


def weight_cells(placement: Placement) -> WeightCells:
    """Sort the cells of a placement by the weights that they form."""
    block, row_rank, column_rank = _ranks(placement)
    slot, unit, top = _slices(placement, block)
    negative = (placement.column_significance < 0)[:, None, :] ^ (placement.row_sign < 0)[:, :, None]
    sizes = (int(block.max()) + 1, len(unit), 2, int(row_rank.max()) + 1, int(column_rank.max()) + 1)
    place = (block[:, None] * sizes[1] + slot)[:, None, :] * 2 + negative  # (tiles, rows, cols)
    place = (place * sizes[3] + row_rank[:, :, None]) * sizes[4] + column_rank[:, None, :]
    total = torch.Size(sizes).numel()
    used = placement.used.view(-1)
    place = place.reshape(-1)[used]
    cell = torch.zeros(total, dtype=torch.int64, device=place.device)
    cell[place] = torch.arange(len(used), device=place.device)[used]
    exists = torch.zeros(total, dtype=torch.bool, device=place.device).index_fill_(0, place, True)
    cell, exists = cell.view(sizes), exists.view(sizes)
    reference = placement.column_index >= placement.outputs
    levels = torch.where(reference[:, None, :], (2.0**placement.column_bits - 1)[:, None, :] / 2, placement.levels)
    level = levels.float().reshape(-1)[cell.view(-1)].view(sizes).mul_(exists)
    of_reference = reference[:, None, :].expand_as(placement.used).reshape(-1)[cell.view(-1)].view(sizes) & exists
    return WeightCells(
        cell=cell,
        exists=exists,
        unit=unit,
        top=top,
        digit=level[:, :, 0] - level[:, :, 1],
        weight=exists.flatten(1, 2).any(1) & ~of_reference.flatten(1, 2).any(1),
    )


def blocks_of(placement: Placement) -> Tensor:
    """Return the block of each tile: tiles that see the same inputs share one, int64, (tiles,)."""
    inputs = placement.row_index.sort(1).values
    block: Tensor = torch.unique(inputs, dim=0, return_inverse=True)[1]
    return block


def _ranks(placement: Placement) -> tuple[Tensor, Tensor, Tensor]:
    """Return the block of each tile, and the rank of each row's input and each column's output within the block."""
    block = blocks_of(placement)
    return block, _rank_within(block, placement.row_index), _rank_within(block, placement.column_index)


def _rank_within(block: Tensor, index: Tensor) -> Tensor:
    """Rank `index` (tiles, lines) among the different ones >= 0 of the tile's block; lines of -1 get 0."""
    size = int(index.max()) + 2
    key = block[:, None] * size + index.to(torch.int64) + 1
    values, rank = torch.unique(key, return_inverse=True)
    first = torch.searchsorted(values, torch.arange(int(block.max()) + 1, device=block.device) * size + 1)
    return torch.where(index >= 0, rank - first[block][:, None], 0)


def _slices(placement: Placement, block: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the slice of each column (tiles, cols), and the unit and top level of each slice."""
    columns = placement.column_index >= 0
    size = placement.column_significance.abs().long()
    copy = _copies(placement, block)
    spread = int(copy.max()) + 1
    key = -(size * 32 + placement.column_bits.long()) * spread + copy
    kinds, inverse = torch.unique(key[columns], return_inverse=True)
    slot = torch.zeros_like(key)
    slot[columns] = inverse
    kind = -torch.div(kinds, spread, rounding_mode="floor")
    unit, bits = kind // 32, kind % 32
    return slot, unit.float(), (2.0**bits - 1).float()


def _copies(placement: Placement, block: Tensor) -> Tensor:
    """Count columns of one block, output, significance and width, which only merged columns can repeat, from 0."""
    parts = torch.stack(
        [
            block[:, None].expand_as(placement.column_index),
            *(getattr(placement, f"column_{name}") for name in ("index", "significance", "bits")),
        ],
        -1,
    ).flatten(0, 1)
    key = torch.unique(parts, dim=0, return_inverse=True)[1]
    return rank_among_equals(key).view(placement.column_index.shape) * (placement.column_index >= 0)
