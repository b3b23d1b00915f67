"""What every sign encoding must keep to."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping import ENCODINGS
from mapping.encodings.planes import slice_widths
from tests.mapping.mapping_tables import ENCODING_NAMES


def test_the_table_holds_every_encoding():
    assert set(ENCODING_NAMES) == set(ENCODINGS)


@pytest.mark.parametrize("name", ENCODING_NAMES)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_planes_stand_for_the_codes(name, data):
    magnitude_bits = data.draw(st.integers(1, 16))
    cell_bits = data.draw(st.integers(1, min(16, magnitude_bits + 1)))
    largest = 2**magnitude_bits - 1
    codes = torch.tensor(
        [*data.draw(st.lists(st.integers(-largest, largest), min_size=1, max_size=12)), largest, -largest, 0],
        dtype=torch.int32,
    )[:, None]
    planes = ENCODINGS[name](codes, magnitude_bits, cell_bits)
    assert torch.equal(planes.codes(), codes.long())
    assert planes.levels.shape == (len(planes.significance), *codes.shape)
    assert len(planes.bits) == len(planes.array) == len(planes.significance)
    for levels, bits in zip(planes.levels, planes.bits, strict=True):
        assert 1 <= bits <= cell_bits
        assert int(levels.min()) >= 0
        assert int(levels.max()) < 2**bits


@given(bits=st.integers(1, 17), cell_bits=st.integers(1, 16))
def test_slices_hold_all_bits_and_only_the_top_one_is_narrower(bits, cell_bits):
    widths = slice_widths(bits, cell_bits)
    assert sum(widths) == bits
    assert all(width == cell_bits for width in widths[:-1])
    assert 1 <= widths[-1] <= cell_bits
