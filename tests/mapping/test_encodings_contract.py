"""What every sign encoding must keep to."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping import ENCODINGS, MappingConfig
from mapping.encodings import encode_differential
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


@pytest.mark.parametrize("name", ENCODING_NAMES)
@settings(deadline=None, max_examples=40)
@given(magnitude_bits=st.integers(1, 16), data=st.data())
def test_an_encoding_answers_what_its_planes_show(name, magnitude_bits, data):
    encoding, cell_bits = ENCODINGS[name], data.draw(st.integers(1, min(16, magnitude_bits + 1)))
    planes = encoding.planes(torch.zeros(2, 3, dtype=torch.int32), magnitude_bits, cell_bits)
    widths = encoding.widths(magnitude_bits, cell_bits)
    assert planes.bits == widths * encoding.arrays
    assert set(planes.array) == set(range(encoding.arrays))
    assert planes.digital_offset == encoding.digital_offset(magnitude_bits)
    count = len(widths)
    paired = tuple(-weight for weight in planes.significance[:count]) == planes.significance[count:]
    assert encoding.has_pairs == (encoding.arrays == 2) == paired
    top = max(weight << bits for weight, bits in zip(planes.significance, planes.bits, strict=True))
    assert top == 2 ** encoding.stored_bits(magnitude_bits)
    if encoding.takes_reference_columns:
        # A cell in the middle of the window reads half of the range, which is the offset up to half a unit.
        half = sum(weight * (2**bits - 1) for weight, bits in zip(planes.significance, planes.bits, strict=True)) / 2
        assert min(planes.significance) > 0
        assert abs(planes.digital_offset + half) <= 0.5
    else:
        assert planes.digital_offset == 0


def test_an_encoding_is_a_value_that_can_be_called():
    codes = torch.tensor([[3, -2]], dtype=torch.int32)
    assert encode_differential == ENCODINGS["differential"] == MappingConfig().sign_encoding
    assert torch.equal(ENCODINGS["offset"](codes, 2, 1).levels, ENCODINGS["offset"].planes(codes, 2, 1).levels)


@given(bits=st.integers(1, 17), cell_bits=st.integers(1, 16))
def test_slices_hold_all_bits_and_only_the_top_one_is_narrower(bits, cell_bits):
    widths = slice_widths(bits, cell_bits)
    assert sum(widths) == bits
    assert all(width == cell_bits for width in widths[:-1])
    assert 1 <= widths[-1] <= cell_bits
