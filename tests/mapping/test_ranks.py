"""Entries that are equal are counted in their order."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from mapping.ranks import rank_among_equals


@given(st.lists(st.integers(-3, 3), max_size=20))
def test_the_rank_is_the_number_of_earlier_equals(keys):
    expected = [keys[:place].count(key) for place, key in enumerate(keys)]
    assert rank_among_equals(torch.tensor(keys, dtype=torch.int64)).tolist() == expected
