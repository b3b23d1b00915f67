"""A bit of a weight has one cell, and a cell one weight."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping import MappingConfig, cells_of_weights, map_weight, quantize_weight, weights_of_cells
from tests.mapping.mapping_tables import ARRANGEMENTS, arranged
from tests.mapping.test_placement import cases


def all_bits(placement):
    """Return plane, input and output of every plane of every weight."""
    size = (placement.planes, placement.inputs_per_group, placement.outputs)
    return torch.cartesian_prod(*map(torch.arange, size)).view(-1, 3).t()


def check_both_ways(placement):
    """Every cell of a weight is found from what it belongs to, and every bit that has a cell from its cell."""
    real = (placement.column_index < placement.outputs)[:, None, :]
    tile, row, column = (placement.used & real).nonzero().t()
    owner = weights_of_cells(placement, tile, row, column)
    back = cells_of_weights(placement, owner.plane, owner.input, owner.output)
    assert torch.equal(torch.stack([back.tile, back.row, back.column]), torch.stack([tile, row, column]))
    cells = cells_of_weights(placement, *all_bits(placement))
    held = cells.tile >= 0
    assert int(held.sum()) == len(tile)
    found = weights_of_cells(placement, cells.tile[held], cells.row[held], cells.column[held])
    assert torch.equal(torch.stack([found.plane, found.input, found.output]), all_bits(placement)[:, held])
    assert bool((cells.row[~held] == -1).all() and (cells.column[~held] == -1).all())
    return cells


@pytest.mark.parametrize("arrangement", ARRANGEMENTS.values(), ids=ARRANGEMENTS.keys())
@settings(deadline=None, max_examples=25)
@given(case=cases())
def test_a_bit_and_its_cell_name_each_other(arrangement, case):
    weight, groups, config = case
    config = arranged(config, arrangement)
    placement = map_weight(weight, config, groups=groups)
    cells = check_both_ways(placement)
    # What the cell holds is what the encoding says of that plane of that weight.
    quantized = quantize_weight(weight, config.effective_quantizer())
    planes = config.sign_encoding.planes(quantized.codes, quantized.magnitude_bits, config.cell_bits)
    plane, row, column = all_bits(placement)
    held = cells.tile >= 0
    expected = planes.levels[plane, row, column].long()
    level = placement.levels[cells.tile[held], cells.row[held], cells.column[held]].long()
    assert torch.equal(level, expected[held])
    if not config.merge_columns:  # else equal columns are stored once, under the name of the first
        assert not expected[~held].any()


@settings(deadline=None, max_examples=40)
@given(case=cases(), data=st.data())
def test_a_flip_of_a_squeezed_cell_changes_its_weight_alone(case, data):
    weight, groups, config = case
    config = replace(
        config,
        squeezed_planes=data.draw(st.sampled_from(config.squeezable_planes())),
        group_packing=data.draw(st.sampled_from(["none", "absent"])),
    )
    placement = map_weight(weight, config, groups=groups)
    check_both_ways(placement)
    if not placement.tiles:
        return
    used = placement.used.nonzero()
    tile, row, column = used[data.draw(st.integers(0, len(used) - 1))]
    levels = placement.levels.clone()
    levels[tile, row, column] ^= 1
    change = replace(placement, levels=levels).to_codes() - placement.to_codes()
    owner = weights_of_cells(placement, tile, row, column)
    assert change.nonzero().tolist() == [[int(owner.input), int(owner.output)]]
    direction = int(levels[tile, row, column]) - int(placement.levels[tile, row, column])
    assert int(change[owner.input, owner.output]) == direction * int(placement.significance()[tile, row, column])


def test_a_reference_column_holds_no_weight():
    config = MappingConfig(encoding="offset", reference_column=True, rows=4, cols=4)
    placement = map_weight(torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), config)
    tile, column = (placement.column_index >= placement.outputs).nonzero()[0]
    owner = weights_of_cells(placement, tile, torch.tensor(0), column)
    assert (int(owner.plane), int(owner.input), int(owner.output)) == (-1, -1, -1)


def test_what_is_not_there_is_refused():
    placement = map_weight(torch.ones(4, 3), MappingConfig(rows=4, cols=4))
    zero = torch.tensor(0)
    with pytest.raises(IndexError, match=r"`plane` must lie in 0 \.\. 3\. Got 4"):
        cells_of_weights(placement, torch.tensor(4), zero, zero)
    with pytest.raises(IndexError, match=r"`column` must lie in 0 \.\. 2\. Got 3"):
        cells_of_weights(placement, zero, zero, torch.tensor(3))
    with pytest.raises(IndexError, match=r"`row` must lie in 0 \.\. 3\. Got -1"):
        weights_of_cells(placement, zero, torch.tensor(-1), zero)
