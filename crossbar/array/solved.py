"""Programmed arrays with their wires solved: all that a read depends on."""

from dataclasses import dataclass

from torch import Tensor

from crossbar.array.cell_curve import CellCurve
from crossbar.array.cell_noise import CellNoise
from crossbar.config import CrossbarConfig
from mapping import Placement


@dataclass(frozen=True, kw_only=True, eq=False)
class SolvedArrays:
    """What the ways to read prepare themselves from, at one time of the chip."""

    placement: Placement
    """Where the cells are; where few word lines are driven at a time, every operation unit is a tile of its own."""
    config: CrossbarConfig
    """Technology."""
    transfer: Tensor
    """Transfer matrices, exact for the wires [S], (tiles, rows, cols)."""
    mean_transfer: Tensor | None = None
    """What they are without the draw that `transfer` holds, which converter ranges follow; None: `transfer` holds none."""
    noise: CellNoise | None
    """Fresh read noise of their cells, or None."""
    converter_errors: Tensor | None
    """Relative gain error, offset and non-linearity [codes] of each bit line's converter, (3, tiles, cols), or None."""
    calibrated_steps: Tensor | None
    """Current of one ADC code from calibration [S x pulse units], (tiles, cols), or None."""
    gain: Tensor | None
    """Digital factor on all that the arrays give, before digital offsets, () or (outputs,), or None."""

    common: Tensor | None
    """What compensated cells add to each weight in common, in integer units, (inputs_per_group, outputs), or None."""
    curve: CellCurve | None = None
    """What cells that are not ohmic make of pulses of several bits, or None."""
    conductance: Tensor | None = None
    """Conductances of the cells at the read voltage [S], (tiles, rows, cols), where reads solve circuits; else None."""

    @property
    def variance(self) -> Tensor | None:
        """Variance that fresh read noise adds to the entries of the transfer matrices [S^2], as `CellNoise.entries`."""
        return None if self.noise is None else self.noise.entries(self.transfer)

    @property
    def signed_transfer(self) -> Tensor:
        """Transfer matrices with the sign with which each word line is driven [S], (tiles, rows, cols)."""
        return self._signed(self.transfer)

    @property
    def signed_bends(self) -> list[Tensor]:
        """Those at the further pulses of the cells' curve, likewise."""
        return [] if self.curve is None else [self._signed(transfer) for transfer in self.curve.transfer]

    def _signed(self, transfer: Tensor) -> Tensor:
        placement = self.placement
        return transfer * placement.row_sign[:, :, None] if placement.has_opposite_rows else transfer
