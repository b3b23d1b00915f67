"""Programming cells where they lie, or plane by plane."""

from dataclasses import replace

import pytest
import torch

import devices
from crossbar.array.programming import program_placement
from mapping import MappingConfig, map_weight

EXACT = devices.Device(g_min=2e-6, g_max=40e-6)
MAPPINGS = {
    "pairs": MappingConfig(weight_bits=5, cell_bits=2, rows=20, cols=12),
    "reference columns": MappingConfig(encoding="offset", reference_column=True, rows=20, cols=12),
    "idle cells": MappingConfig(rows=20, cols=12, group_packing="g_min"),
}


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS.keys())
def test_cells_that_draw_nothing_are_those_of_a_drawn_chip(mapping):
    """A device whose cells might be stuck, but never are, is drawn plane by plane and ends alike; so does the stream."""
    weight = torch.randn(7, 8, generator=torch.Generator().manual_seed(0))
    placement = map_weight(weight, mapping, groups=4)
    drawn = replace(EXACT, stuck=devices.StuckCells(at_g_min=1e-12))
    streams = [torch.Generator().manual_seed(3) for _ in range(2)]
    straight, by_plane = (
        program_placement(placement, device, generator=stream)
        for device, stream in zip((EXACT, drawn), streams, strict=True)
    )
    assert torch.equal(straight["programmed"], by_plane["programmed"])
    assert straight["stuck"] is None
    assert not bool(by_plane["stuck"].any())
    assert torch.equal(streams[0].get_state(), streams[1].get_state())
