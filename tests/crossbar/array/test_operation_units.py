"""Arrays driven a few word lines at a time."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
from crossbar.array.operation_units import driven_rows, only_driven, split_rows, split_tile_rows, units_per_tile
from mapping import map_weight

WIRED = xb.CrossbarConfig(
    device=replace(xb.devices.RRAM, drift=None),
    wires=xb.Wires(row=20.0, column=30.0, driver=200.0, sense=100.0),
    mapping=xb.MappingConfig(weight_bits=5, cell_bits=2, rows=12, cols=6),
    inputs=xb.InputConfig(bits=4),
)


def programmed(layer, config):
    model = xb.convert_to_analog(layer, config).eval()
    xb.program_analog_weights(model, generator=torch.Generator().manual_seed(0))
    return model


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return nn.Linear(31, 5)


@pytest.mark.parametrize("parallel_rows", [1, 4, 5])
def test_units_keep_what_drives_their_word_lines(parallel_rows):
    placement = map_weight(torch.randn(7, 3), WIRED.mapping)
    alternating = (-1) ** torch.arange(placement.row_index.numel()).view_as(placement.row_index).int()
    placement = replace(placement, row_sign=alternating, row_shift=1 - alternating)
    split = split_rows(placement, parallel_rows)
    for unit in range(split.tiles):
        used = split.row_index[unit] >= 0
        whole = unit // units_per_tile(placement, parallel_rows)
        own = (placement.row_index[whole][:, None] == split.row_index[unit][used]).int().argmax(0)
        assert torch.equal(split.row_sign[unit][used], placement.row_sign[whole][own])
        assert (split.row_sign[unit][~used] == 1).all()
    assert torch.equal(split.to_codes(), placement.to_codes())


@pytest.mark.parametrize("parallel_rows", [1, 5, 6, 12, 50])
@pytest.mark.parametrize("plan", ["collapsed", "tiled"])
def test_grounded_lines_leave_the_sum_as_it_is(layer, parallel_rows, plan):
    x = torch.randn(4, 31)
    all_at_once = programmed(layer, WIRED)(x)
    in_groups = programmed(layer, replace(WIRED, parallel_rows=parallel_rows, plan=plan))(x)
    torch.testing.assert_close(in_groups, all_at_once, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("plan", ["collapsed", "tiled"])
def test_open_cells_take_no_part(layer, plan):
    config = replace(WIRED, parallel_rows=5, undriven="open", plan=plan)
    model = programmed(layer, config)
    assert not torch.allclose(
        model(torch.ones(1, 31)), programmed(layer, replace(config, undriven="grounded"))(torch.ones(1, 31))
    )
    array = model.array
    conductance = array.cells.programmed + array.cells.programmed * 0.1 * array.cells.read_deviation
    conductance = conductance.clamp(min=0) * array.used
    # Twelve rows in groups of five, counted from the sense end: 2, 5 and 5.
    expected = torch.zeros(5, 31)
    for rows in (slice(0, 2), slice(2, 7), slice(7, 12)):
        alone = torch.zeros_like(conductance)
        alone[:, rows] = conductance[:, rows]
        transfer = xb.transfer_matrix(alone, WIRED.wires)
        for tile, row, column in torch.nonzero(array.used).tolist():
            if not rows.start <= row < rows.stop:
                continue
            step = WIRED.device.window.span / (2 ** int(array.column_bits[tile, column]) - 1)
            worth = float(array.column_significance[tile, column]) / step * float(array.scale)
            expected[array.column_index[tile, column], array.row_index[tile, row]] += (
                worth * transfer[tile, row, column]
            )
    torch.testing.assert_close(array.effective_weight, expected, rtol=1e-3, atol=1e-4)


def test_groups_need_fewer_adc_bits():
    torch.manual_seed(0)
    layer, x = nn.Linear(60, 10), torch.rand(7, 60)
    ideal = xb.CrossbarConfig(
        mapping=xb.MappingConfig(cell_bits=1, rows=60, cols=64), inputs=xb.InputConfig(dac_bits=1), plan="tiled"
    )
    exact = programmed(layer, ideal)(x)
    grouped = programmed(layer, replace(ideal, adc=xb.ADC(bits=4), parallel_rows=15))(x)
    torch.testing.assert_close(grouped, exact, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(programmed(layer, replace(ideal, adc=xb.ADC(bits=4)))(x), exact, rtol=1e-2)


def test_units_of_a_tile_keep_the_order_of_its_rows():
    values = torch.arange(2 * 7 * 3.0).view(2, 7, 3)
    units = split_tile_rows(values, 3)
    assert units.shape == (6, 3, 3)
    assert torch.equal(units.view(2, 9, 3)[:, 2:], values)
    masked = only_driven(values, 3)
    assert masked.shape == (6, 9, 3)
    assert torch.equal(driven_rows(masked, 3, 3), units)
    assert torch.equal(masked.view(2, 3, 9, 3).sum(1)[:, 2:], values)
