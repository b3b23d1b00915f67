"""The integer read: the tiled read with its products in integers of one byte."""

from dataclasses import replace
from typing import Any, Self, final

import torch
from torch import Tensor

from crossbar.array.reads.integer.converted_product import converts_products
from crossbar.array.reads.integer.engine import PackedRun, fits_bytes, pack_runs, read_bytes
from crossbar.array.reads.tiled.digits import in_digits
from crossbar.array.reads.tiled.engine import ReadSettings
from crossbar.array.reads.tiled.product import multiplies_bytes
from crossbar.array.reads.tiled.read import AbstractTiledRead
from crossbar.array.reads.tiled.tables import ReadTables
from crossbar.array.solved import SolvedArrays
from crossbar.config import CrossbarConfig


@final
class IntegerRead(AbstractTiledRead):
    """Read cells on their levels in integers: the very codes of a tiled read, which sums the same whole numbers.

    Where codes are bytes as well (8-bit converters and less), sums are converted inside the product. Arrays that turn out
    to have other cells (known faults given to `program`), and devices or torch versions without products of bytes, are
    read as `TiledRead` reads them.
    """

    def __init__(self, config: CrossbarConfig) -> None:
        super().__init__(config)
        self._packed: tuple[PackedRun, ...] | None = None

    def prepare_own(self, solved: SolvedArrays) -> None:
        """Lay out the tables; what was packed of others goes."""
        self._packed = None
        super().prepare_own(solved)

    def multiplied(self, tables: ReadTables) -> ReadTables:
        """Return levels as bytes."""
        if tables.unit is None:
            return tables if self.settings is None else in_digits(tables, self.settings.drive)
        if tables.matrix.device.type != "cpu" or not multiplies_bytes():
            return tables
        return replace(tables, matrix=tables.matrix.to(torch.int8))

    def read_codes(self, codes: Tensor, settings: ReadSettings) -> Tensor:
        """Read codes (vectors, inputs) -> (vectors, sums), in bytes where everything is one."""
        if not self._in_bytes(settings):
            return super().read_codes(codes, settings)
        if self._packed is None:  # once: to lay levels out costs as much as to read some dozens of vectors
            self._packed = pack_runs(self.tables, self.runs)
        return read_bytes(codes, self.tables, self._packed, settings)

    def _in_bytes(self, settings: ReadSettings) -> bool:
        """Return whether levels, pulses and codes are bytes, and this machine converts sums inside a product."""
        return not torch.compiler.is_compiling() and fits_bytes(self.tables, settings) and converts_products()

    def _apply(self, *args: Any, **kwargs: Any) -> Self:
        """Follow `.to()`; what was packed stays behind."""
        self._packed = None
        super()._apply(*args, **kwargs)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and files hold: not the packed levels, which follow from the tables."""
        return {**self.__dict__, "_packed": None}
