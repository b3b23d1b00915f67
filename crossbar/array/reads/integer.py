"""The integer read: the tiled read with its products in integers of one byte."""

from dataclasses import replace
from typing import final

import torch

from crossbar.array.reads.tiled.product import multiplies_bytes
from crossbar.array.reads.tiled.read import AbstractTiledRead
from crossbar.array.reads.tiled.tables import ReadTables


@final
class IntegerRead(AbstractTiledRead):
    """Read cells on their levels in integers: the very codes of a tiled read, which sums the same whole numbers.

    Arrays that turn out to have other cells (known faults given to `program`), and devices or torch versions without
    products of bytes, are read as `TiledRead` reads them.
    """

    def multiplied(self, tables: ReadTables) -> ReadTables:
        """Return levels as bytes."""
        if tables.unit is None or tables.matrix.device.type != "cpu" or not multiplies_bytes():
            return tables
        return replace(tables, matrix=tables.matrix.to(torch.int8))
