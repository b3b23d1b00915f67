"""Rows on spare word lines stand for the same weights."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from devices import FieldError
from mapping import MappingConfig, integer_product, map_weight, move_to_spare_rows
from tests.mapping.mapping_tables import ARRANGEMENTS, arranged
from tests.mapping.test_bit_addresses import check_both_ways
from tests.mapping.test_placement import cases, integer_inputs


@pytest.mark.parametrize("arrangement", ARRANGEMENTS.values(), ids=ARRANGEMENTS.keys())
@settings(deadline=None, max_examples=20)
@given(case=cases(), seed=st.integers(0, 2**16))
def test_moved_rows_give_the_same_products(arrangement, case, seed):
    weight, groups, config = case
    placement = map_weight(weight, arranged(config, arrangement), groups=groups)
    rows = torch.rand(placement.row_index.shape, generator=torch.Generator().manual_seed(seed)) < 0.3
    moved, source = move_to_spare_rows(placement, rows, spare_rows=200)
    assert torch.equal(moved.to_codes(), placement.to_codes())
    vectors = integer_inputs(placement)
    assert torch.equal(integer_product(moved, vectors), integer_product(placement, vectors))
    check_both_ways(moved)
    # No word line that was given up is used, and every row lies on one word line.
    spare = moved.levels.shape[1] - placement.levels.shape[1]
    assert not moved.used[:, spare:][rows & (placement.row_index >= 0)].any()
    driven = source >= 0
    assert torch.equal(driven.sum(1), torch.full_like(driven.sum(1), placement.levels.shape[1]))
    assert torch.equal((moved.row_index >= 0).sum(1), (placement.row_index >= 0).sum(1))


def test_rows_that_do_not_fit_are_refused():
    placement = map_weight(torch.ones(4, 3), MappingConfig(rows=4, cols=4))
    rows = torch.ones(placement.row_index.shape, dtype=torch.bool)
    with pytest.raises(FieldError, match=r"`spare_rows` must hold the rows that move\. Got 2, but an array needs 4"):
        move_to_spare_rows(placement, rows, spare_rows=2)
    with pytest.raises(FieldError, match="`rows` must be boolean"):
        move_to_spare_rows(placement, rows.float(), spare_rows=2)
