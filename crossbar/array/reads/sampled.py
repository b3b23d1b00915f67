"""The sampled read: every pulse sees cells of its own draw, and the circuit is solved for them.

The referee of reads that know no more than the spread of read noise: it has noise of any law and size, what it does to the
mean, and what the outputs of an array have in common. It solves all arrays for every pulse: for validation.
"""

from dataclasses import replace
from typing import final

import torch
from torch import Tensor

from crossbar.array.cell_curve import bend
from crossbar.array.cell_noise import draw_cells
from crossbar.array.conversions import by_conversion, find_conversions
from crossbar.array.converter_steps import adc_steps
from crossbar.array.drive import driven_codes, phases, pulses
from crossbar.array.programming import as_read, transfer_at
from crossbar.array.reads.tiled.engine import ReadSettings, convert_and_add
from crossbar.array.reads.tiled.read import AbstractTiledRead
from crossbar.array.reads.tiled.tables import ReadTables, codes_per_siemens
from crossbar.array.reads.uncompiled import uncompiled
from crossbar.array.solved import SolvedArrays
from crossbar.config import CrossbarConfig

_DRAWN = ("conductance", "sigma", "driven", "column", "partner", "unit_of_current")


@final
class SampledRead(AbstractTiledRead):
    """Read block by block as `TiledRead` does, but draw all cells, from torch's default stream, for every pulse."""

    conductance: Tensor | None
    sigma: Tensor
    driven: Tensor | None
    column: Tensor
    partner: Tensor | None
    unit_of_current: Tensor

    def __init__(self, config: CrossbarConfig) -> None:
        super().__init__(config)
        for name in _DRAWN:
            self.register_buffer(name, None, persistent=False)
        self._pulses: tuple[float, ...] = (1.0,)

    @property
    def draws_spread(self) -> bool:
        """Whether fresh read noise is drawn by its variance: no, cell by cell."""
        return False

    def prepare_own(self, solved: SolvedArrays) -> None:
        """Keep the cells, and what their currents are in units of the tables."""
        super().prepare_own(solved)
        self._pulses = (1.0, *(() if solved.curve is None else solved.curve.pulse))
        noise = solved.noise
        if noise is None:  # one draw is held
            self.conductance = None
            return
        self.conductance, self.sigma, self.driven = noise.conductance, noise.cells.sqrt(), noise.driven
        found = find_conversions(solved.placement, analog_subtraction=self.config.subtracts_pairs)
        self.column, self.partner = found.column, found.partner
        sign = solved.placement.row_sign[:, :, None].expand_as(solved.transfer)
        in_codes = codes_per_siemens(solved, found, adc_steps(solved, found))
        self.unit_of_current = by_conversion(sign, found.column) * in_codes[:, None]
        if self.settings is not None:
            self.settings = replace(self.settings, clips=self.settings.highest > 0)

    def multiplied(self, tables: ReadTables) -> ReadTables:
        """Return the tables as they are."""
        return tables

    @uncompiled
    def read_codes(self, codes: Tensor, settings: ReadSettings) -> Tensor:
        """Read codes (vectors, inputs) -> outputs and reference columns in integer weight units, (vectors, sums)."""
        conductance = self.conductance
        if conductance is None:
            return super().read_codes(codes, settings)
        cycles = max((run.lines.cycles for run in self.runs), default=1)
        vectors = max(1, self.config.chunk // max(1, cycles * conductance.numel()))
        result = self.tables.factor.new_zeros(settings.sums, len(codes))
        for sign, phase in phases(codes.t(), settings.drive):
            for start in range(0, len(codes), vectors):
                part = slice(start, start + vectors)
                self._read_drawn(conductance, phase[:, part], cycles, settings, result[:, part], sign)
        return result.t()

    def _read_drawn(
        self,
        conductance: Tensor,
        codes: Tensor,
        cycles: int,
        settings: ReadSettings,
        result: Tensor,
        sign: float,
    ) -> None:
        """Read codes (inputs, vectors), each pulse with cells of its own, and add what they give to `result`."""
        matrices = self._matrices(conductance, cycles * codes.shape[1])
        tables = self.tables
        for run in self.runs:
            driven = driven_codes(codes, tables.lines, run.lines)
            drive = pulses(driven, run.lines, settings.drive, tables.matrix.dtype)  # (blocks, rows, cycles * vectors)
            currents: Tensor | None = None
            for number, matrix in enumerate(matrices):
                own = matrix[: drive.shape[2], run.conversion_slice]
                own = own.view(len(own), run.lines.blocks, run.conversions, -1)[..., run.lines.first_row :]
                worth = drive if tables.worth is None else bend(drive, tables.worth[number])
                part = torch.einsum("pbcr,brp->bcp", own, worth)
                currents = part if currents is None else currents.add_(part)
            if currents is not None:
                convert_and_add(currents, driven.any(1), tables, run, settings, result, sign)

    def _matrices(self, conductance: Tensor, draws: int) -> list[Tensor]:
        """Return what as many draws of all cells give conversions, in units of the tables, (draws, conversions, rows).

        One for every pulse that cells which are not ohmic are solved at.
        """
        driven = None if self.driven is None else self.driven.repeat(draws)
        cells = draw_cells(conductance.repeat(draws, 1, 1), self.sigma.repeat(draws, 1, 1), self.config)
        matrices = []
        for pulse in self._pulses:
            with torch.autocast(cells.device.type, enabled=False):
                transfer = as_read(cells, self.config, transfer_at(pulse), driven=driven)
            lines = transfer.view(draws, -1, *transfer.shape[1:]).transpose(2, 3).flatten(1, 2)
            matrix = lines[:, self.column] * self.unit_of_current
            if self.partner is not None:
                matrix = matrix - lines[:, self.partner] * self.unit_of_current
            matrices.append(matrix)
        return matrices
