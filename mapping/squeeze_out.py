"""SME's squeeze-out: most significant planes emptied by shifting rows, and their arrays released (arXiv 2103.01705).

Only the abstract is public to us: that sparse arrays are squeezed out is the paper's; shifting a row down and its input
up is a reconstruction. Seen as arithmetic it is block floating point: an exponent per row of an array, fewer mantissa
bits.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from devices.arguments import checked
from mapping.placement import Placement, distinct, tile_chunks
from mapping.reference_columns import refuse_references
from mapping.release import release_empty_tiles


@checked
def squeeze_out(placement: Placement, *, planes: int) -> Placement:
    """Empty the `planes` most significant bit planes and release every array that holds nothing.

    The arrays that store the same inputs and outputs, of all planes and both signs, form a stack and share their rows.
    A row whose largest magnitude needs more bits than are left has its codes shifted down until they fit, rounded half
    up and clipped, and its input shifted up by as much (`row_shift`; bit by bit: delayed). Exact where no one falls
    off; else a weight changes by less than `2^row_shift` integer units.

    Parameters
    ----------
    placement
        Planes in arrays of their own, as from `map_weight` with slicing "inter"; any encoding.
    planes
        Bit planes to empty; with cells of several bits, those of whole cells. 0 only releases empty arrays.

    Raises
    ------
    ValueError
        If an array holds columns of several planes, or `planes` is not the bits of whole cells, or is all bits.
    """
    if not placement.tiles:
        return placement
    stacks = _Stacks.of(placement)
    if planes not in stacks.squeezable():
        raise ValueError(
            f"`planes` must be one of {', '.join(map(str, stacks.squeezable()))} (whole cells, at least one left). "
            f"Got {planes}."
        )
    if planes == 0:
        return release_empty_tiles(placement)
    bits = stacks.bits - planes
    values = stacks.values(placement)  # (signs, stacks, rows, cols)
    size = torch.where(values < 0, ~values, values)  # -2^b fits in b bits and the sign plane
    needed = torch.frexp(size.amax((0, 3)).double()).exponent  # bits of the largest magnitude, (stacks, rows)
    shift = (needed - bits).clamp(min=0).to(torch.int32)
    if placement.has_opposite_rows:  # adjacent word lines of a pair carry the same pulses
        shift = shift.view(len(shift), -1, 2).amax(2).repeat_interleave(2, 1)
    half = (1 << shift) >> 1
    rounded = (values + half[:, :, None]) >> shift[:, :, None]
    squeezed = stacks.store(placement, rounded.clamp(max=2**bits - 1), bits)
    return release_empty_tiles(replace(squeezed, row_shift=placement.row_shift + shift[stacks.index]))


@dataclass(frozen=True, kw_only=True)
class _Stacks:
    """Which tiles store bits of the same weights, and which bits."""

    index: Tensor
    """Stack of each tile, int64, (tiles,)."""
    significance: Tensor
    """Signed weight of each tile's plane, of its first bit line where pairs lie on adjacent ones, int64, (tiles,)."""
    tile_bits: Tensor
    """Bits of each tile's cells, int64, (tiles,)."""
    bits: int
    """Bits of a stored magnitude."""
    sign_planes: bool
    """Whether the negative planes hold the sign of what the others store, as in two's complement."""

    @classmethod
    def of(cls, placement: Placement) -> "_Stacks":
        """Find the stacks of a placement."""
        refuse_references(placement)
        index = distinct(torch.cat([placement.word_lines(), placement.column_index], 1))
        significance, tile_bits = placement.column_significance.long(), placement.column_bits.long()
        mixed = (placement.column_index >= 0) & (significance.abs() != significance[:, :1].abs())
        if bool(mixed.any()):
            raise ValueError(
                f"`placement` must keep every plane in arrays of its own. Got {int(mixed.any(1).sum())} arrays with "
                "columns of several planes. Map with slicing='inter', and merge columns after squeezing."
            )
        significance, tile_bits = significance[:, 0], tile_bits[:, 0]
        negative, positive = significance < 0, significance > 0
        top = int((significance.abs() << tile_bits)[positive].max().log2()) if bool(positive.any()) else 0
        signed = bool(negative.any()) and bool((significance[negative] == -(2**top)).all()) and top > 0
        if not signed:
            top = int((significance.abs() << tile_bits).max().log2())
        return cls(index=index, significance=significance, tile_bits=tile_bits, bits=top, sign_planes=signed)

    def squeezable(self) -> tuple[int, ...]:
        """Return the numbers of planes that whole cells hold, except all of them."""
        magnitude = self.significance > 0 if self.sign_planes else self.significance != 0
        lowest = set(self.significance[magnitude].abs().tolist())
        return tuple(sorted({0, *(self.bits - weight.bit_length() + 1 for weight in lowest if weight > 1)}))

    def sign(self) -> Tensor:
        """Return 1 for tiles of negative magnitudes, which are a matrix apart, else 0; (tiles,)."""
        return ((self.significance < 0) & (not self.sign_planes)).long()

    def values(self, placement: Placement) -> Tensor:
        """Return the integers that each stack stores, int32, (signs, stacks, rows, cols)."""
        count = int(self.index.max()) + 1
        values = torch.zeros(2 * count, *placement.levels.shape[1:], dtype=torch.int32, device=placement.levels.device)
        weight = (self.significance if self.sign_planes else self.significance.abs()).int()
        target = self.sign() * count + self.index
        for tiles in tile_chunks(placement):
            values.index_add_(0, target[tiles], placement.levels[tiles].int() * weight[tiles, None, None])
        return values.view(2, count, *placement.levels.shape[1:])

    def store(self, placement: Placement, values: Tensor, bits: int) -> Placement:
        """Return the placement with the bits of `values`, all in the `bits` least significant planes."""
        lowest = self.significance.abs().double().log2().int()
        largest = (1 << self.tile_bits.int()) - 1
        sign_plane = (self.significance < 0) & self.sign_planes
        sign, levels = self.sign(), torch.empty_like(placement.levels)
        for tiles in tile_chunks(placement):
            own = values[sign[tiles], self.index[tiles]]  # (tiles, rows, cols)
            part = own >> lowest[tiles, None, None] & largest[tiles, None, None]
            part = part.masked_fill((lowest[tiles] >= bits)[:, None, None], 0)
            part = torch.where(sign_plane[tiles, None, None], (own < 0).int(), part)
            levels[tiles] = part.to(levels.dtype).masked_fill(~placement.used[tiles], 0)
        significance = placement.column_significance
        moved = torch.where(significance < 0, -(2**bits), significance)
        return replace(
            placement,
            levels=levels,
            column_significance=torch.where(sign_plane[:, None], moved, significance),
        )
