"""The identity that every placement is: exact integer arithmetic over its tiles."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping import (
    MappingConfig,
    cell_index,
    gather_cells,
    integer_product,
    map_weight,
    merge_columns,
    quantize_weight,
    release_empty_tiles,
    scatter_cells,
)
from tests.mapping.mapping_tables import ARRANGEMENTS, ENCODING_NAMES, QUANTIZERS, arranged


@st.composite
def cases(draw):
    """Return (weight, groups, config) over encodings, slicings, groups and sizes."""
    groups = draw(st.sampled_from([1, 1, 2, 3, 5]))
    inputs, outputs = draw(st.integers(1, 20)), draw(st.integers(1, 9))
    seed = draw(st.integers(0, 2**16))
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(inputs, outputs * groups, generator=generator)
    weight = weight * (torch.rand(weight.shape, generator=generator) > draw(st.sampled_from([0.0, 0.5, 0.95])))
    weight_bits = draw(st.integers(2, 9))
    config = MappingConfig(
        weight_bits=weight_bits,
        cell_bits=draw(st.integers(1, weight_bits)),
        rows=draw(st.integers(1, 9)),
        cols=draw(st.integers(1, 9)),
        encoding=draw(st.sampled_from(ENCODING_NAMES)),
        granularity=draw(st.sampled_from(["tensor", "output"])),
    )
    return weight, groups, config


def integer_inputs(placement, seed=0):
    return torch.randint(-200, 200, (3, placement.inputs), generator=torch.Generator().manual_seed(seed))


def expected_product(codes, vectors, groups):
    """Return the product group by group, int64."""
    blocks = codes.long().chunk(groups, 1)
    parts = vectors.chunk(groups, 1)
    return torch.cat([part @ block for part, block in zip(parts, blocks, strict=True)], 1)


@pytest.mark.parametrize("arrangement", ARRANGEMENTS.values(), ids=ARRANGEMENTS.keys())
@settings(deadline=None, max_examples=40)
@given(case=cases())
def test_cells_stand_for_the_codes_exactly(arrangement, case):
    weight, groups, config = case
    config = arranged(config, arrangement)
    quantized = quantize_weight(weight, config.effective_quantizer())
    placement = map_weight(weight, config, groups=groups)
    assert torch.equal(placement.to_codes(), quantized.codes.long())
    torch.testing.assert_close(placement.to_weight(), quantized.dequantize(), rtol=0, atol=0)
    vectors = integer_inputs(placement)
    assert torch.equal(integer_product(placement, vectors), expected_product(quantized.codes, vectors, groups))
    batched = vectors.view(3, 1, -1)
    assert torch.equal(integer_product(placement, batched)[:, 0], integer_product(placement, vectors))


@settings(deadline=None, max_examples=60)
@given(case=cases(), data=st.data())
def test_squeezed_cells_stand_for_the_squeezed_codes(case, data):
    weight, groups, config = case
    planes = data.draw(st.sampled_from(config.squeezable_planes()))
    arrangements = [{}, {"row_order": "sorted"}, {"merge_columns": True}, {"group_packing": "absent"}]
    if config.sign_encoding.has_pairs:
        arrangements += [{"pairs": "bit_lines"}, {"pairs": "word_lines"}]
    config = arranged(config, data.draw(st.sampled_from(arrangements)))
    placement = map_weight(weight, replace(config, squeezed_planes=planes), groups=groups)
    vectors = integer_inputs(placement)
    assert torch.equal(integer_product(placement, vectors), expected_product(placement.to_codes(), vectors, groups))


@pytest.mark.parametrize("arrangement", ARRANGEMENTS.values(), ids=ARRANGEMENTS.keys())
@settings(deadline=None, max_examples=30)
@given(case=cases(), data=st.data())
def test_a_stack_is_consistent(arrangement, case, data):
    weight, groups, config = case
    config = arranged(config, arrangement)
    dense = config.slicing == "intra" or config.reference_column
    squeezed = 0 if dense else data.draw(st.sampled_from(config.squeezable_planes()))
    placement = map_weight(weight, replace(config, squeezed_planes=squeezed), groups=groups)
    tiles, rows, cols = placement.levels.shape
    assert placement.tiles == tiles
    assert rows <= config.rows
    width = config.cols + config.reference_column
    assert cols <= width
    assert placement.array_shape == (config.rows, width)
    assert (placement.inputs, placement.outputs) == (weight.shape[0] * groups, weight.shape[1])
    row_used, column_used = placement.row_index >= 0, placement.column_index >= 0
    # Used rows end at the sense end, used columns begin at the drivers.
    assert (row_used.int().diff(dim=1) >= 0).all()
    assert (column_used.int().diff(dim=1) <= 0).all()
    assert not placement.levels[~placement.used].any()
    assert (placement.levels < 2 ** placement.column_bits[:, None, :]).all()
    assert (placement.column_bits[~column_used] == 0).all()
    assert (placement.column_significance[~column_used] == 0).all()
    assert int(placement.row_shift.min() if tiles else 0) >= 0
    # Inputs and outputs of a cell belong to one group; so do those of a tile, unless groups are packed.
    group = placement.row_index // placement.inputs_per_group
    index, reference = placement.column_index, placement.column_index >= placement.outputs
    owner = index // (placement.outputs // groups)
    owner[reference] = (index[reference] - placement.outputs) // max(1, placement.references // groups)
    assert (reference.sum(1) == int(config.reference_column)).all()
    assert not reference[:, :1].any()
    crossing = row_used[:, :, None] & column_used[:, None, :]
    assert torch.equal(placement.used, crossing & (group[:, :, None] == owner[:, None, :]))
    for tile in range(tiles):
        if config.group_packing != "none":
            assert set(group[tile][row_used[tile]].tolist()) >= set(owner[tile][column_used[tile]].tolist())
            continue
        assert torch.equal(placement.used[tile], crossing[tile])
        assert len({*group[tile][row_used[tile]].tolist(), *owner[tile][column_used[tile]].tolist()}) == 1


@settings(deadline=None, max_examples=40)
@given(case=cases(), slicing=st.sampled_from(["inter", "intra"]))
def test_dense_placements_hold_every_cell_of_every_plane_once(case, slicing):
    weight, groups, config = case
    placement = map_weight(weight, replace(config, slicing=slicing), groups=groups)
    names = cell_index(placement, slice(None)) * placement.planes + placement.column_plane[:, None, :]
    names = names[placement.used]
    assert len(names) == len(names.unique()) == weight.numel() * placement.planes


@settings(deadline=None, max_examples=40)
@given(case=cases())
def test_gathering_inverts_scattering(case):
    weight, groups, config = case
    placement = map_weight(weight, config, groups=groups)
    matrices = torch.arange(placement.planes * weight.numel()).view(placement.planes, *weight.shape)
    cells = gather_cells(placement, matrices)
    assert cells.shape == placement.levels.shape
    for plane in range(placement.planes):
        only = (placement.column_plane == plane).long()
        assert torch.equal(scatter_cells(placement, cells, weight=only), matrices[plane])


def test_scattering_weighs_shifted_rows():
    placement = map_weight(torch.ones(2, 1), MappingConfig(weight_bits=2, cell_bits=1))
    placement = replace(placement, row_shift=torch.tensor([[0, 3], [0, 0]], dtype=torch.int32))
    values = torch.ones(placement.levels.shape)
    assert scatter_cells(placement, values).flatten().tolist() == [2, 9]
    assert scatter_cells(placement, values, power=2).flatten().tolist() == [2, 65]


@settings(deadline=None, max_examples=40)
@given(case=cases(), data=st.data())
def test_the_sign_of_a_row_negates_its_input(case, data):
    weight, groups, config = case
    config = replace(config, squeezed_planes=data.draw(st.sampled_from(config.squeezable_planes())))
    placement = map_weight(weight, config, groups=groups)
    assert (placement.row_sign == 1).all()
    flipped = torch.randint(
        2, (placement.inputs,), generator=torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    )
    sign = 1 - 2 * flipped
    driven = placement.row_index >= 0
    row_sign = torch.where(driven, sign[placement.row_index.clamp(min=0).long()], 1).int()
    signed = replace(placement, row_sign=row_sign)
    vectors = integer_inputs(placement)
    # The digital offset is added to the inputs as they are, whatever the word lines carry.
    plain, negated = (replace(p, digital_offset=0) for p in (placement, signed))
    assert torch.equal(integer_product(negated, vectors), integer_product(plain, vectors * sign))
    grouped = sign.view(groups, -1).repeat_interleave(placement.outputs // groups, 0).t()
    assert torch.equal(negated.to_codes(), plain.to_codes() * grouped)
    assert torch.equal(signed.significance().abs(), placement.significance().abs())
    ones = torch.ones(placement.levels.shape)
    assert torch.equal(scatter_cells(signed, ones, power=2), scatter_cells(placement, ones, power=2))
    if not config.squeezed_planes:
        assert torch.equal(merge_columns(signed).to_codes(), signed.to_codes())
        assert torch.equal(release_empty_tiles(signed).to_codes(), signed.to_codes())


def test_tiles_whose_rows_differ_in_sign_alone_do_not_share_word_lines():
    codes = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    placement = map_weight(codes, MappingConfig(weight_bits=2, cell_bits=1))
    assert len(placement.word_lines().unique(dim=0)) == 1
    signed = replace(placement, row_sign=torch.tensor([[1, 1], [-1, 1]], dtype=torch.int32))
    assert len(signed.word_lines().unique(dim=0)) == 2


@pytest.mark.parametrize("quantizer", QUANTIZERS.values(), ids=QUANTIZERS.keys())
@pytest.mark.parametrize("encoding", ENCODING_NAMES)
def test_every_quantiser_maps_in_every_encoding(quantizer, encoding):
    weight = torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
    bits = quantizer.magnitude_bits + 1
    for cell_bits in {1, min(3, bits), bits}:
        config = MappingConfig(
            weight_bits=bits, cell_bits=cell_bits, quantizer=quantizer, encoding=encoding, rows=16, cols=4
        )
        torch.testing.assert_close(
            map_weight(weight, config).to_weight(), quantize_weight(weight, quantizer).dequantize(), rtol=0, atol=0
        )


def test_moves_and_lists_its_tensors():
    placement = map_weight(torch.randn(5, 4), MappingConfig(rows=3, cols=2))
    moved = placement.to("cpu")
    assert set(moved.tensors()) >= {"levels", "used", "row_index", "row_shift", "column_index", "scale"}
    assert all(torch.equal(moved.tensors()[name], tensor) for name, tensor in placement.tensors().items())
    assert torch.equal(placement.significance().abs().amin((1, 2)) > 0, placement.used.flatten(1).all(1))


def test_refuses_what_cannot_be_mapped():
    config = MappingConfig()
    with pytest.raises(ValueError, match=r"`groups` must divide the 4 outputs. Got 3"):
        map_weight(torch.ones(2, 4), config, groups=3)
    with pytest.raises(ValueError, match=r"`groups` must be >= 1. Got 0"):
        map_weight(torch.ones(2, 4), config, groups=0)
    with pytest.raises(TypeError, match="`config` must be"):
        map_weight(torch.ones(2, 4), {"weight_bits": 8})
    with pytest.raises(TypeError, match="`quantizer` must be"):
        quantize_weight(torch.ones(2, 4), 8)
    with pytest.raises(TypeError, match=r"`weight` must be floating point. Got list"):
        quantize_weight([[1.0]], config.effective_quantizer())
    with pytest.raises(ValueError, match="`inputs` must have 2 entries per vector"):
        integer_product(map_weight(torch.ones(2, 4), config), torch.ones(1, 3, dtype=torch.int64))


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"cell_bits": 9}, "`cell_bits` must be <= `weight_bits`. Got cell_bits=9, weight_bits=8"),
        ({"encoding": "unary"}, "`encoding` must be one of"),
        ({"slicing": "both"}, "`slicing` must be one of"),
        ({"row_order": "random"}, "`row_order` must be one of"),
        ({"rows": 0}, "`rows` must be >= 1. Got 0"),
        ({"quantizer": QUANTIZERS["SME"]}, r"`weight_bits` must be 9 \(the quantiser's magnitude bits and a sign\)"),
        ({"squeezed_planes": -1}, "`squeezed_planes` must be >= 0. Got -1"),
        ({"squeezed_planes": 3, "slicing": "intra"}, "`squeezed_planes` needs slicing='inter'"),
        ({"squeezed_planes": 2}, "`squeezed_planes` must be one of 0, 3 "),
        ({"squeezed_planes": 7, "cell_bits": 1}, "`squeezed_planes` must be one of 0, 1, 2, 3, 4, 5, 6 "),
        ({"squeezed_planes": 3, "encoding": "offset"}, "`squeezed_planes` must be one of 0, 4 "),
        ({"pairs": "tiles"}, "`pairs` must be one of"),
        (
            {"pairs": "bit_lines", "encoding": "offset"},
            "`pairs`='bit_lines' needs an encoding that has pairs, encoding='diff",
        ),
        (
            {"pairs": "word_lines", "encoding": "twos_complement"},
            "`pairs`='word_lines' needs an encoding that has pairs",
        ),
        ({"pairs": "word_lines", "rows": 1}, "`rows` must be >= 2. Got 1"),
        ({"pairs": "bit_lines", "cols": 1}, "`cols` must be >= 2. Got 1"),
        ({"pairs": "bit_lines", "merge_columns": True}, "`merge_columns` drops bit lines whose partners stay"),
    ],
)
def test_impossible_mappings_are_refused(settings_, message):
    with pytest.raises(ValueError, match=message):
        MappingConfig(**settings_)
