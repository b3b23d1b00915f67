"""The circuit read: every pulse of every vector through the circuit of its array, solved by Newton's method."""

from typing import final

import torch
from torch import Tensor

from crossbar.array.conversions import find_conversions
from crossbar.array.converter_steps import adc_steps
from crossbar.array.operating_point import small_signal_conductance
from crossbar.array.reads.tiled.engine import ReadSettings, read_tiles
from crossbar.array.reads.tiled.read import AbstractTiledRead
from crossbar.array.reads.tiled.tables import BlockRun, ReadTables, codes_per_siemens
from crossbar.array.reads.uncompiled import uncompiled
from crossbar.array.solved import SolvedArrays
from crossbar.config import CrossbarConfig
from crossbar.parasitics import solve_crossbar

_TOLERANCE = 1e-9
_NODES_AT_ONCE = 2**19
"""Cells times pulses that are solved at a time."""


@final
class CircuitRead(AbstractTiledRead):
    """Read as `TiledRead` does, with currents of the exact circuit in place of products, for cells of any law.

    It is the referee of the other reads behind wires, and slow: a pulse into an array of 64x64 takes 1 ms on one thread, 5
    with `Sinh(v0=0.1)`, one into 128x128 5 and 20, where the tiled read takes 0.01 to 0.03. Fresh read noise and gradients
    are those of the tiled read.
    """

    cells: Tensor
    """Conductances at 0 V [S], (tiles, rows, cols)."""
    polarity: Tensor
    """Sign with which each word line is driven, (tiles, rows)."""
    column: Tensor
    """Bit line of each conversion, as a position in (tiles x cols), (conversions,)."""
    partner: Tensor | None
    """The bit line that is subtracted from it, or None."""
    in_codes: Tensor
    """What a siemens times pulse unit is worth, in units of the ADC step where there is an ADC, (conversions,)."""

    def __init__(self, config: CrossbarConfig) -> None:
        super().__init__(config)
        for name in ("cells", "polarity", "column", "partner", "in_codes"):
            self.register_buffer(name, None, persistent=False)

    def prepare_own(self, solved: SolvedArrays) -> None:
        """Keep the cells, and which of their bit lines are converted."""
        super().prepare_own(solved)
        law = self.config.device.current_voltage
        found = find_conversions(solved.placement, analog_subtraction=self.config.subtracts_pairs)
        if solved.conductance is None:
            raise ValueError("`solved` must hold conductances where circuits are solved.")
        self.cells = solved.conductance.double()
        if law is not None:
            self.cells = small_signal_conductance(self.cells, law, self.config.inputs.read_voltage)
        self.polarity, self.column, self.partner = solved.placement.row_sign, found.column, found.partner
        self.in_codes = codes_per_siemens(solved, found, adc_steps(solved, found))

    def multiplied(self, tables: ReadTables) -> ReadTables:
        """Return the tables as they are."""
        return tables

    @uncompiled
    def read_codes(self, codes: Tensor, settings: ReadSettings) -> Tensor:
        """Read codes (vectors, inputs) -> (vectors, sums)."""
        return read_tiles(codes.t(), self.tables, self.runs, settings, send=self._currents).t()

    def _currents(self, drive: Tensor, tables: ReadTables, run: BlockRun) -> tuple[Tensor, None]:
        """Send pulses (blocks, rows, columns) through the arrays: (blocks, conversions, columns)."""
        outputs = []
        for block, pulses in enumerate(drive):
            first = run.first + block * run.conversions
            chosen = slice(first, first + run.conversions)
            column, cols = self.column[chosen], self.cells.shape[2]
            lines = [column] if self.partner is None else [column, self.partner[chosen]]
            tiles, tile = torch.unique(torch.cat(lines) // cols, return_inverse=True)
            currents = self._solved(tiles, pulses, run.lines.first_row)
            sent = currents[tile * cols + torch.cat(lines) % cols].split(len(column))
            difference = sent[0] if len(sent) == 1 else sent[0] - sent[1]
            outputs.append(difference.to(drive.dtype) * self.in_codes[chosen, None])
        return torch.stack(outputs), None

    def _solved(self, tiles: Tensor, pulses: Tensor, first_row: int) -> Tensor:
        """Return the siemens times pulse units of all bit lines, (tiles * cols, columns), for pulses (rows, columns)."""
        inputs = self.config.inputs
        unit = inputs.read_voltage / (2 ** (inputs.pulse_bits or 1) - 1)
        cells, polarity = self.cells[tiles], self.polarity[tiles].to(self.cells)
        whole = torch.nn.functional.pad(pulses.t().to(cells), (first_row, 0)) * unit  # (columns, rows)
        parts = []
        for part in torch.split(whole, max(1, _NODES_AT_ONCE // cells.numel())):
            solution = solve_crossbar(
                cells,
                part * polarity[:, None, :],
                self.config.wires,
                iv=self.config.device.current_voltage,
                tolerance=_TOLERANCE,
            )
            parts.append(solution.output_currents / unit)  # (tiles, columns, cols)
        return torch.cat(parts, 1).transpose(1, 2).flatten(0, 1)
