"""Read noise that is slow against the reads: one draw of every cell for a while."""

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from crossbar.array.cell_curve import curve_of
from crossbar.array.cell_noise import draw_cells
from crossbar.array.crossbar_array import CrossbarArray
from crossbar.array.programming import read_transfer
from crossbar.array.reads import READS, AbstractRead, CircuitRead, CollapsedRead, SampledRead


@contextmanager
def read_noise_held(arrays: Iterable[CrossbarArray]) -> Iterator[None]:
    """Read arrays with one draw of what would be fresh read noise, from torch's default stream, until the block ends.

    Arrays without fresh read noise are read as they are. Behind wires cells are drawn and their
    circuits solved.

    Raises
    ------
    RuntimeError
        If an array is not programmed.
    """
    kept: list[tuple[CrossbarArray, AbstractRead]] = []
    try:
        for array in arrays:
            array.require_programmed()
            if array.config.fresh_read_noise:
                kept.append((array, array.reader))
                array.reader = _drawn(array)
        yield
    finally:
        for array, reader in kept:
            array.reader = reader


@torch.inference_mode(False)
@torch.no_grad()
def _drawn(array: CrossbarArray) -> AbstractRead:
    """Return a way to read one draw of the cells of an array."""
    products = not isinstance(array.reader, CircuitRead | SampledRead)
    if products and (array.config.wires.ideal or array.frozen is not None):
        return _drawn_entries(array.reader)
    solved = array.solved()
    reader = READS[array.plan.kind](array.config)
    noise, placement, config = solved.noise, array.placement, array.config
    if noise is not None:
        drawn = draw_cells(noise.conductance, noise.cells.sqrt(), config)
        with torch.autocast(drawn.device.type, enabled=False):
            transfer = read_transfer(placement, config, drawn)
        curve = curve_of(placement, config, drawn)
        cells = None if solved.conductance is None else drawn
        mean = solved.transfer
        solved = replace(solved, transfer=transfer, mean_transfer=mean, curve=curve, conductance=cells, noise=None)
    reader.prepare(solved)
    return reader


def _drawn_entries(reader: AbstractRead) -> AbstractRead:
    """Return a way to read one draw of what a read multiplies with: bit lines, or weights of which only those are left."""
    drawn = copy.copy(reader)
    drawn._buffers = dict(reader._buffers)
    variance = getattr(drawn, "variance", None)
    if variance is not None:
        name = "weight" if isinstance(reader, CollapsedRead) else "matrix"
        mean: Tensor = getattr(drawn, name)
        setattr(drawn, name, mean + variance.clamp(min=0).sqrt() * torch.randn_like(mean))
        setattr(drawn, "variance", None)  # noqa: B010 - a buffer that not every way to read has
    return drawn
