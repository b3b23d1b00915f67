"""The tiled read as one operator, for `torch.compile` and `torch.export`.

Eager mode calls `read_tiles` itself. A compiler would unroll its loops and cannot follow what it skips, so to a compiler
the whole read is one opaque operation.
"""

import functools
import json
from dataclasses import asdict, fields

import torch
from torch import Tensor

from crossbar.array.drive import DriveSettings, LineRun
from crossbar.array.reads.tiled.engine import ReadSettings, read_tiles
from crossbar.array.reads.tiled.tables import BlockRun, ReadTables


def describe_read(runs: tuple[BlockRun, ...], settings: ReadSettings) -> str:
    """Return the plain numbers of a read as text, the form in which an operator takes them."""
    return json.dumps({"runs": [asdict(run) for run in runs], "settings": asdict(settings)})


def read_in_graph(codes: Tensor, tables: ReadTables, description: str) -> Tensor:
    """Read all tiles as `read_tiles` does, as one node of a compiled graph."""
    tensors = {f.name: getattr(tables, f.name) for f in fields(tables)}
    outputs: Tensor = _operator(codes, **tensors, description=description)
    return outputs


@torch.library.custom_op("aimc_crossbar::read_tiles", mutates_args=())
def _operator(
    codes: Tensor,
    matrix: Tensor,
    variance: Tensor | None,
    rise: Tensor | None,
    rise_square: Tensor | None,
    partner: Tensor | None,
    falls: Tensor | None,
    together: Tensor | None,
    output: Tensor,
    factor: Tensor,
    adc_offset: Tensor | None,
    adc_bow: Tensor | None,
    row_index: Tensor,
    row_shift: Tensor,
    unit: Tensor | None,
    variance_unit: Tensor | None,
    lowest: Tensor | None,
    worth: Tensor | None,
    bends: Tensor | None,
    description: str,
) -> Tensor:
    tables = ReadTables(
        matrix=matrix,
        variance=variance,
        rise=rise,
        rise_square=rise_square,
        partner=partner,
        falls=falls,
        together=together,
        output=output,
        factor=factor,
        adc_offset=adc_offset,
        adc_bow=adc_bow,
        row_index=row_index,
        row_shift=row_shift,
        unit=unit,
        variance_unit=variance_unit,
        lowest=lowest,
        worth=worth,
        bends=bends,
    )
    return read_tiles(codes, tables, *_described(description))


@_operator.register_fake
def _shape_only(
    codes: Tensor,
    matrix: Tensor,
    variance: Tensor | None,
    rise: Tensor | None,
    rise_square: Tensor | None,
    partner: Tensor | None,
    falls: Tensor | None,
    together: Tensor | None,
    output: Tensor,
    factor: Tensor,
    adc_offset: Tensor | None,
    adc_bow: Tensor | None,
    row_index: Tensor,
    row_shift: Tensor,
    unit: Tensor | None,
    variance_unit: Tensor | None,
    lowest: Tensor | None,
    worth: Tensor | None,
    bends: Tensor | None,
    description: str,
) -> Tensor:
    return factor.new_empty(_described(description)[1].sums, codes.shape[1])


@functools.lru_cache(maxsize=1024)
def _described(description: str) -> tuple[tuple[BlockRun, ...], ReadSettings]:
    data = json.loads(description)
    runs = tuple(
        BlockRun(
            lines=LineRun(**run["lines"]),
            first=run["first"],
            conversions=run["conversions"],
            segments=tuple((start, stop, first) for start, stop, first in run["segments"]),
            common_lowest=run["common_lowest"],
        )
        for run in data["runs"]
    )
    settings = data["settings"]
    return runs, ReadSettings(**{**settings, "drive": DriveSettings(**settings["drive"])})
