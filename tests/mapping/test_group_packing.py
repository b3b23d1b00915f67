"""Groups of a convolution that share arrays: the same weights in fewer arrays."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping import ENCODINGS, MappingConfig, integer_product, map_weight
from mapping.accounting import dense_footprint, footprint
from tests.mapping.mapping_tables import ENCODING_NAMES

PAIRS = ("arrays", "bit_lines", "word_lines")


def cycles(shift):
    return 8 + shift


@st.composite
def packings(draw):
    """Return (weight, groups, config) of which most groups share arrays."""
    groups = draw(st.integers(1, 12))
    inputs, outputs = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    encoding = draw(st.sampled_from(ENCODING_NAMES))
    weight_bits = draw(st.integers(2, 7))
    config = MappingConfig(
        weight_bits=weight_bits,
        cell_bits=draw(st.integers(1, weight_bits)),
        rows=draw(st.integers(2, 24)),
        cols=draw(st.integers(2, 24)),
        encoding=encoding,
        pairs=draw(st.sampled_from(PAIRS[: 3 if ENCODINGS[encoding].has_pairs else 1])),
        slicing=draw(st.sampled_from(["inter", "intra"])),
        row_order=draw(st.sampled_from(["given", "sorted"])),
        group_packing=draw(st.sampled_from(["absent", "g_min"])),
    )
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    return torch.randn(inputs, outputs * groups, generator=generator), groups, config


@settings(deadline=None, max_examples=80)
@given(case=packings(), squeezed=st.booleans())
def test_each_group_keeps_its_cells_and_products(case, squeezed):
    weight, groups, config = case
    planes = config.squeezable_planes()[-1] if squeezed and config.slicing == "inter" else 0
    config = replace(config, squeezed_planes=planes)
    packed = map_weight(weight, config, groups=groups)
    apart = map_weight(weight, replace(config, group_packing="none"), groups=groups)
    assert torch.equal(packed.to_codes(), apart.to_codes())
    vectors = torch.randint(-50, 50, (3, packed.inputs), generator=torch.Generator().manual_seed(0))
    assert torch.equal(integer_product(packed, vectors), integer_product(apart, vectors))
    assert packed.tiles <= apart.tiles
    if not planes:
        assert int(packed.used.sum()) == int(apart.used.sum())


@settings(deadline=None, max_examples=80)
@given(case=packings(), rows=st.sampled_from([None, 1, 2, 3, 5, 30]), subtract=st.booleans())
def test_dense_counts_are_those_of_the_placement(case, rows, subtract):
    weight, groups, config = case
    units = {"parallel_rows": rows, "subtract_pairs": subtract and config.sign_encoding.has_pairs}
    counted = dense_footprint(
        config, inputs=weight.shape[0], outputs=weight.shape[1], groups=groups, cycles=cycles, **units
    )
    assert counted == footprint(map_weight(weight, config, groups=groups), cycles, **units)


def test_ninety_six_channels_take_fourteen_to_an_array():
    config = MappingConfig(group_packing="absent")
    weight = torch.randn(9, 96, generator=torch.Generator().manual_seed(0))
    packed = map_weight(weight, config, groups=96)
    assert map_weight(weight, replace(config, group_packing="none"), groups=96).tiles == 4 * 96
    assert packed.tiles == 4 * 7  # 14 groups of 9 word lines
    assert packed.levels.shape == (28, 126, 14)
    # Arrays are filled from the drivers and from the sense end on, the last ones with 12 groups.
    assert packed.row_index[-1, :18].tolist() == [-1] * 18
    assert packed.row_index[-1, 18:].tolist() == list(range(84 * 9, 96 * 9))
    assert packed.column_index[-1].tolist() == [*range(84, 96), -1, -1]


def test_idle_cells_lie_where_lines_of_groups_cross():
    config = MappingConfig(rows=40, cols=16, group_packing="g_min")
    weight = torch.randn(9, 2 * 10, generator=torch.Generator().manual_seed(0))
    packed, absent = (map_weight(weight, replace(config, group_packing=p), groups=10) for p in ("g_min", "absent"))
    assert all(torch.equal(tensor, absent.tensors()[name]) for name, tensor in packed.tensors().items())
    assert (packed.crossed_groups, absent.crossed_groups) == (4, 1)
    assert absent.crossings is None
    for tile in range(packed.tiles):
        group = packed.row_index[tile] // 9
        owner = packed.column_index[tile] // 2
        lines = (packed.row_index[tile] >= 0)[:, None] & (packed.column_index[tile] >= 0)
        assert torch.equal(packed.crossings[tile], lines & (group[:, None] != owner))
        assert torch.equal(packed.present[tile], lines)


def test_groups_that_fill_an_array_stay_apart():
    config = MappingConfig(rows=16, cols=16, group_packing="absent")
    for inputs, outputs in ((9, 1), (2, 9), (40, 2)):
        weight = torch.randn(inputs, 4 * outputs, generator=torch.Generator().manual_seed(0))
        packed, apart = (
            map_weight(weight, replace(config, group_packing=packing), groups=4) for packing in ("absent", "none")
        )
        assert all(torch.equal(tensor, apart.tensors()[name]) for name, tensor in packed.tensors().items())


def test_a_reference_column_of_several_groups_is_refused():
    with pytest.raises(ValueError, match=r"`reference_column` needs group_packing='none'.*Got 'absent'"):
        MappingConfig(encoding="offset", reference_column=True, group_packing="absent")
    with pytest.raises(ValueError, match=r"`reference_column` needs group_packing='none'.*Got 'g_min'"):
        MappingConfig(encoding="offset", reference_column=True, group_packing="g_min")
    with pytest.raises(ValueError, match="`group_packing` must be one of"):
        MappingConfig(group_packing="dense")
