"""Pairs in arrays of their own, on adjacent bit lines and on adjacent word lines: the same cells in other places."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping import ENCODINGS, MappingConfig, map_weight, quantize_weight, squeeze_out
from mapping.placement import plane_cell_index
from tests.mapping.mapping_tables import ENCODING_NAMES

PAIRED = [name for name in ENCODING_NAMES if ENCODINGS[name].has_pairs]
LINES = {"arrays": (1, 1), "bit_lines": (1, 2), "word_lines": (2, 1)}
"""Word lines and bit lines of a weight in each array."""


@st.composite
def cases(draw):
    """Return (weight, groups, config) with pairs in arrays of their own."""
    groups, seed = draw(st.sampled_from([1, 1, 2])), draw(st.integers(0, 2**16))
    inputs, outputs = draw(st.integers(1, 15)), draw(st.integers(1, 9))
    weight = torch.randn(inputs, outputs * groups, generator=torch.Generator().manual_seed(seed))
    weight *= torch.rand(inputs, 1, generator=torch.Generator().manual_seed(seed + 1)) ** 3
    weight_bits = draw(st.integers(2, 9))
    config = MappingConfig(
        weight_bits=weight_bits,
        cell_bits=draw(st.integers(1, weight_bits)),
        rows=draw(st.integers(1, 7)),
        cols=draw(st.integers(1, 7)),
        encoding=draw(st.sampled_from(PAIRED)),
        slicing=draw(st.sampled_from(["inter", "intra"])),
        row_order=draw(st.sampled_from(["given", "sorted"])),
    )
    return weight, groups, config


def with_pairs(config, pairs, spare=0):
    """Return the config with room for as many weights per array in another layout, and perhaps a line to spare."""
    per_input, per_output = LINES[pairs]
    return replace(
        config,
        pairs=pairs,
        rows=config.rows * per_input + spare * (per_input > 1),
        cols=config.cols * per_output + spare * (per_output > 1),
    )


def by_name(placement):
    """Return what every cell holds by plane, input and output, -1 for no cell, (planes x inputs x outputs,)."""
    held = torch.full((placement.planes * placement.inputs_per_group * placement.outputs,), -1)
    used = placement.used
    names = plane_cell_index(placement, slice(None))[used]
    assert len(names.unique()) == len(names)
    held[names] = placement.levels[used].long()
    return held


@pytest.mark.parametrize("pairs", ["bit_lines", "word_lines"])
@pytest.mark.parametrize("spare", [0, 1])
@settings(deadline=None, max_examples=40)
@given(case=cases())
def test_every_cell_keeps_its_name_and_its_level(pairs, spare, case):
    weight, groups, config = case
    apart = map_weight(weight, config, groups=groups)
    together = map_weight(weight, with_pairs(config, pairs, spare), groups=groups)
    assert torch.equal(by_name(together), by_name(apart))
    assert int((by_name(together) < 0).sum()) == 0
    assert together.planes == apart.planes
    assert torch.equal(together.to_codes(), quantize_weight(weight, config.effective_quantizer()).codes.long())
    # As many weights in each array, so half as many arrays.
    assert 2 * together.tiles == apart.tiles


@settings(deadline=None, max_examples=40)
@given(case=cases(), data=st.data())
def test_partners_lie_on_adjacent_bit_lines_of_one_array(case, data):
    weight, groups, config = case
    config = with_pairs(config, "bit_lines", data.draw(st.integers(0, 1)))
    placement = map_weight(weight, replace(config, release_empty=data.draw(st.booleans())), groups=groups)
    assert placement.levels.shape[2] % 2 == 0
    for name in ("column_index", "column_bits"):
        first, second = getattr(placement, name).unflatten(1, (-1, 2)).unbind(2)
        assert torch.equal(first, second)
    positive, negative = placement.column_significance.unflatten(1, (-1, 2)).unbind(2)
    assert torch.equal(positive, -negative)
    assert torch.equal(positive > 0, placement.column_index[:, ::2] >= 0)
    assert (placement.row_sign == 1).all()


@settings(deadline=None, max_examples=40)
@given(case=cases(), data=st.data())
def test_partners_lie_on_adjacent_word_lines_of_one_array(case, data):
    weight, groups, config = case
    config = with_pairs(config, "word_lines", data.draw(st.integers(0, 1)))
    merge = data.draw(st.booleans())
    placement = map_weight(weight, replace(config, merge_columns=merge), groups=groups)
    if not placement.tiles:
        return
    index, sign = placement.row_index.unflatten(1, (-1, 2)), placement.row_sign.unflatten(1, (-1, 2))
    assert torch.equal(index[..., 0], index[..., 1])
    used = index[..., 0] >= 0
    assert (sign[..., 0][used] == 1).all()
    assert (sign[..., 1][used] == -1).all()
    assert (sign[~used] == 1).all()
    assert (placement.column_significance >= 0).all()


@settings(deadline=None, max_examples=60)
@given(case=cases(), data=st.data())
def test_squeezing_does_the_same_in_every_layout(case, data):
    weight, groups, config = case
    config = replace(config, slicing="inter")
    planes = data.draw(st.sampled_from(config.squeezable_planes()))
    config = replace(config, squeezed_planes=planes)
    apart = map_weight(weight, config, groups=groups)
    for pairs in ("bit_lines", "word_lines"):
        together = map_weight(weight, with_pairs(config, pairs), groups=groups)
        assert torch.equal(together.to_codes(), apart.to_codes())
        assert together.largest_shift == apart.largest_shift
        assert together.tiles <= apart.tiles <= 2 * together.tiles
        if pairs == "word_lines":
            first, second = together.row_shift.unflatten(1, (-1, 2)).unbind(2)
            assert torch.equal(first, second)


def test_a_pair_on_word_lines_shifts_both_of_its_rows():
    """A row with large negative weights only would otherwise be delayed alone, against its partner."""
    config = MappingConfig(weight_bits=8, cell_bits=1, rows=4, cols=4, pairs="word_lines")
    dense = map_weight(torch.tensor([[-127.0, 3.0], [2.0, -1.0]]), config)
    squeezed = squeeze_out(dense, planes=3)
    assert squeezed.row_shift[0].tolist() == [3, 3, 0, 0]
    assert squeezed.to_codes().tolist() == [[-15 * 8, 0], [2, -1]]


def test_an_array_of_adjacent_bit_lines_is_empty_only_if_both_signs_are():
    weight = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [0.0, 0.0]])
    config = MappingConfig(weight_bits=4, cell_bits=1, rows=1, cols=2, release_empty=True)
    # Three planes of the first row's positive cells, of the second row's cells of either sign, and none of the third.
    assert map_weight(weight, config).tiles == 3 + 2 * 3
    assert map_weight(weight, replace(config, cols=4, pairs="bit_lines")).tiles == 3 + 3
    assert map_weight(weight, replace(config, rows=2, pairs="word_lines")).tiles == 3 + 3
