"""The tiled read: every tile, input cycle and slice is read and converted by itself."""

from abc import abstractmethod
from dataclasses import fields
from typing import final

import torch
from torch import Tensor

from crossbar.array.collapse import digital_weight, output_share
from crossbar.array.conversions import find_conversions
from crossbar.array.converter_steps import adc_steps, calibrated_adc
from crossbar.array.crosstalk import cross_product, idle_weight
from crossbar.array.reads.base import AbstractRead, offset_output
from crossbar.array.reads.tiled.digits import in_digits
from crossbar.array.reads.tiled.engine import ReadSettings, read_settings, read_tiles
from crossbar.array.reads.tiled.operator import describe_read, read_in_graph
from crossbar.array.reads.tiled.tables import BlockRun, ReadTables, read_tables
from crossbar.array.solved import SolvedArrays
from crossbar.array.wiring import VectorWiring, Wiring
from crossbar.config import CrossbarConfig
from crossbar.converters import at_hand, straight_through
from mapping import subtract_references

_TABLES = tuple(f.name for f in fields(ReadTables))
_BYTE = 8
"""Bits of a byte."""


class AbstractTiledRead(AbstractRead):
    """Read block by block through the converters; a gradient passes as if they were ideal (straight through)."""

    scale: Tensor
    share: Tensor | None
    digital: Tensor | None
    idle: Tensor | None
    offset_output: Tensor | None

    def __init__(self, config: CrossbarConfig) -> None:
        super().__init__(config)
        self.runs: tuple[BlockRun, ...] = ()
        self.settings: ReadSettings | None = None
        self._description = ""
        self._groups = 1
        for name in ("scale", "share", "digital", "idle", "offset_output", *_TABLES):
            self.register_buffer(name, None, persistent=False)

    @property
    def keeps_transfer(self) -> bool:
        """Whether the transfer matrices have to stay at hand."""
        return True

    @property
    def tables(self) -> ReadTables:
        """The bit lines laid out as conversions."""
        return ReadTables(**{name: getattr(self, name) for name in _TABLES})

    @property
    def draws_spread(self) -> bool:
        """Whether fresh read noise is drawn by its variance."""
        return True

    def prepare_own(self, solved: SolvedArrays) -> None:
        """Lay out the tables, and what the periphery adds."""
        placement, config = solved.placement, self.config
        found = find_conversions(placement, analog_subtraction=config.subtracts_pairs)
        tables, self.runs = read_tables(solved, found, adc_steps(solved, found), spread=self.draws_spread)
        # Ranges that are still to be calibrated leave nothing to read with.
        waiting = calibrated_adc(config) and solved.calibrated_steps is None
        self.settings = None if waiting else read_settings(placement, config, tables)
        tables = self.multiplied(tables)
        for name in _TABLES:
            setattr(self, name, getattr(tables, name))
        self._description = "" if self.settings is None else describe_read(self.runs, self.settings)
        self._groups = placement.groups
        self.scale, self.offset_output = placement.scale, offset_output(placement, config)
        dtype = solved.transfer.dtype
        self.share = output_share(placement, solved.gain).to(dtype) if placement.references else None
        digital = digital_weight(placement, config.device, common=solved.common)
        self.digital = None if digital is None else digital.t().to(dtype).contiguous()
        idle = idle_weight(placement, config.device)
        self.idle = None if idle is None else idle.to(dtype)

    @abstractmethod
    def multiplied(self, tables: ReadTables) -> ReadTables:
        """Return the tables with the numbers in the form in which they are multiplied."""

    def read(self, codes: Tensor, wiring: Wiring) -> Tensor:
        """Read every conversion."""
        with torch.no_grad():
            outputs = wiring.assemble(self._read_vectors(wiring.input_vectors(self.carried(codes))), codes)
        if not codes.requires_grad:
            return outputs
        return straight_through(self.read_without_converters(codes, wiring), outputs)

    def carried(self, codes: Tensor) -> Tensor:
        """Return input codes as integers, of one byte where none is negative: patches of an image repeat each of them."""
        bits = self.config.inputs.bits
        if not at_hand(codes) or bits is None or bits > _BYTE or self.config.inputs.offset_code or codes.numel() == 0:
            return codes
        return codes.to(torch.uint8 if float(codes.amin()) >= 0 else torch.int16)

    def _read_vectors(self, codes: Tensor) -> Tensor:
        """Read (vectors, inputs) -> (vectors, outputs)."""
        settings = self.settings
        if settings is None:
            raise RuntimeError(
                "The ADC ranges are not set. Call `calibration.calibrate_adc_ranges(model, batches)`, or give "
                "`ADC(range='full')`."
            )
        outputs = self.read_codes(codes, settings)
        if self.share is not None:
            outputs = subtract_references(outputs, self.share)
        if self.digital is not None:
            driven = codes.to(self.digital.dtype) + settings.drive.input_offset
            outputs = outputs + VectorWiring(self._groups).linear_map(driven, self.digital)
        if self.idle is not None:
            driven = codes.to(self.idle.dtype) + settings.drive.input_offset
            outputs = outputs - cross_product(driven, self.idle, outputs.shape[1])
        outputs = outputs * self.scale
        return outputs if self.offset_output is None else outputs - self.offset_output

    def read_codes(self, codes: Tensor, settings: ReadSettings) -> Tensor:
        """Read codes (vectors, inputs) -> outputs and reference columns in integer weight units, (vectors, sums)."""
        if torch.compiler.is_compiling():
            # Laid out as any input is, so that equal layers one after the other are compiled once.
            return read_in_graph(codes.t(), self.tables, self._description).t().contiguous()
        return read_tiles(codes.t(), self.tables, self.runs, settings).t()


@final
class TiledRead(AbstractTiledRead):
    """Read any cells."""

    def multiplied(self, tables: ReadTables) -> ReadTables:
        """Return conductances as digits of whole numbers, where products of those are faster."""
        return tables if self.settings is None else in_digits(tables, self.settings.drive)
