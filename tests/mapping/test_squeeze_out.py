"""Squeeze-out against its definition, code by code; released arrays; sorted rows; merged columns."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping import (
    ENCODINGS,
    MappingConfig,
    SMECodebook,
    integer_product,
    map_weight,
    merge_columns,
    quantize_weight,
    release_empty_tiles,
    sorted_rows,
    squeeze_out,
)
from tests.mapping.mapping_tables import ENCODING_NAMES, QUANTIZERS


def defined_squeeze(codes, planes, magnitude_bits, config):
    """Return codes as the definition squeezes them, and the shift of each row per block of outputs, in plain Python."""
    squeezed, shifts = [], []
    for block in codes.split(config.cols, 1):
        rows = []
        for row in block.tolist():
            lead = min(
                (magnitude_bits + 1 - abs(code).bit_length() for code in row if code), default=magnitude_bits + 1
            )
            shift = max(0, planes + 1 - lead)
            shifts.append(shift)
            largest = 2 ** (magnitude_bits - planes) - 1
            rounded = [min((abs(code) + (1 << shift >> 1)) >> shift, largest) << shift for code in row]
            rows.append([value if code > 0 else -value for value, code in zip(rounded, row, strict=True)])
        squeezed.append(torch.tensor(rows))
    return torch.cat(squeezed, 1), max(shifts)


def random_weight(draw):
    inputs, outputs, seed = draw(st.integers(1, 20)), draw(st.integers(1, 12)), draw(st.integers(0, 2**16))
    generator = torch.Generator().manual_seed(seed)
    spread = torch.rand(inputs, 1, generator=generator) ** 4
    return torch.randn(inputs, outputs, generator=generator) * spread


@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_follows_the_definition(data):
    weight = random_weight(data.draw)
    quantizer = data.draw(st.sampled_from([QUANTIZERS["uniform"], QUANTIZERS["SME"], QUANTIZERS["power of two"]]))
    bits = quantizer.magnitude_bits
    config = MappingConfig(
        weight_bits=bits + 1,
        quantizer=quantizer,
        cell_bits=data.draw(st.integers(1, 4)),
        rows=data.draw(st.integers(1, 8)),
        cols=data.draw(st.integers(1, 8)),
        row_order=data.draw(st.sampled_from(["given", "sorted"])),
    )
    planes = data.draw(st.sampled_from(config.squeezable_planes()))
    codes = quantize_weight(weight, quantizer).codes
    expected, largest_shift = defined_squeeze(codes, planes, bits, config)
    placement = squeeze_out(map_weight(weight, config), planes=planes)
    assert torch.equal(placement.to_codes(), expected)
    assert int(placement.row_shift.max() if placement.tiles else 0) == largest_shift
    error = (placement.to_codes() - codes).abs()
    assert int(error.max()) < 2**largest_shift
    # Nothing is left in the squeezed planes, and no array is empty.
    assert (placement.column_significance.abs() << placement.column_bits).max() <= 2 ** (bits - planes) or not len(
        codes
    )
    assert (placement.levels != 0).flatten(1).any(1).all()


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_error_stays_below_one_unit_of_the_shifted_row(data):
    weight = random_weight(data.draw)
    encoding = data.draw(st.sampled_from(ENCODING_NAMES))
    config = MappingConfig(weight_bits=8, cell_bits=data.draw(st.integers(1, 3)), rows=5, cols=4, encoding=encoding)
    planes = data.draw(st.sampled_from(config.squeezable_planes()))
    dense, squeezed = map_weight(weight, config), map_weight(weight, replace(config, squeezed_planes=planes))
    shift = torch.zeros_like(dense.to_codes())
    for tile in range(squeezed.tiles):
        rows, columns = squeezed.row_index[tile], squeezed.column_index[tile]
        for row, amount in zip(rows.tolist(), squeezed.row_shift[tile].tolist(), strict=True):
            if row >= 0:
                shift[row, columns[columns >= 0].long()] = amount
    error = (squeezed.to_codes() - dense.to_codes()).abs()
    assert (error < 2**shift).all()
    assert (error[shift == 0] == 0).all()


def test_exact_where_nothing_falls_off():
    codes = torch.tensor([[64, -96], [3, 5], [32, 0], [0, 0]], dtype=torch.float32)
    config = MappingConfig(weight_bits=8, cell_bits=1, rows=2, cols=2)
    weight = torch.cat([codes, torch.tensor([[126.0, 0.0]])])  # 126 = 63 << 1
    config = replace(config, quantizer=None)
    dense = map_weight(weight * (127 / 126), config)
    assert torch.equal(dense.to_codes()[-1], torch.tensor([127, 0]))
    exact = map_weight(torch.cat([codes, torch.tensor([[127.0, 0.0]])])[:-1] * 1.0, config)
    assert int(exact.to_codes().abs().max()) == 127
    # Codes whose low bits are zero wherever they shift lose nothing.
    sparse = map_weight(torch.tensor([[112.0, -16.0], [7.0, 6.0]]), replace(config, weight_bits=8, quantizer=SEVEN))
    squeezed = squeeze_out(sparse, planes=4)
    assert torch.equal(squeezed.to_codes(), sparse.to_codes())
    assert sorted(squeezed.row_shift.unique().tolist()) == [0, 4]


SEVEN = SMECodebook(bits=7, window=3)


def test_squeezing_an_sme_codebook_is_exact_until_its_window_is_cut():
    # One weight per row: the window of 3 bits always fits 3 planes, so 5 of 8 planes squeeze out without loss.
    weight = torch.randn(50, 1, generator=torch.Generator().manual_seed(0))
    config = MappingConfig(weight_bits=9, cell_bits=1, quantizer=SMECodebook(bits=8, window=3), rows=16)
    dense = map_weight(weight, config)
    for planes in range(6):
        assert torch.equal(squeeze_out(dense, planes=planes).to_codes(), dense.to_codes())
    assert not torch.equal(squeeze_out(dense, planes=6).to_codes(), dense.to_codes())


def test_squeezing_in_two_steps_adds_shifts():
    weight = torch.randn(30, 8, generator=torch.Generator().manual_seed(0))
    config = MappingConfig(weight_bits=8, cell_bits=1, rows=8, cols=4)
    twice = squeeze_out(squeeze_out(map_weight(weight, config), planes=1), planes=1)
    once = squeeze_out(map_weight(weight, config), planes=2)
    assert twice.tiles == once.tiles
    assert torch.equal(twice.row_shift, once.row_shift)
    assert int((twice.to_codes() - once.to_codes()).abs().max()) <= 2 ** int(once.row_shift.max())


@pytest.mark.parametrize("encoding", ENCODING_NAMES)
def test_a_matrix_of_zeros_needs_no_array(encoding):
    config = MappingConfig(weight_bits=8, cell_bits=1, rows=4, cols=4, encoding=encoding, squeezed_planes=2)
    placement = map_weight(torch.zeros(6, 5), config)
    assert torch.equal(placement.to_weight(), torch.zeros(6, 5))
    if not ENCODINGS[encoding].digital_offset(7):
        assert placement.tiles == 0
        assert merge_columns(placement).tiles == 0
        assert squeeze_out(placement, planes=3).tiles == 0
    product = integer_product(placement, torch.ones(2, 6, dtype=torch.int64))
    if ENCODINGS[encoding].digital_offset(7) % 4 == 0:  # a stored zero loses no bit when two planes are squeezed out
        assert product.tolist() == [[0] * 5] * 2
    assert product[0].tolist() == placement.to_codes().sum(0).tolist()


def test_every_stack_of_a_released_group_keeps_its_shift():
    """A group's arrays are a stack of their own: one with small weights need not shift because another does."""
    weight = torch.ones(4, 6)
    weight[:, 3:] /= 16
    config = MappingConfig(weight_bits=8, cell_bits=1, squeezed_planes=3)
    placement = map_weight(weight, config, groups=2)
    shifts = {int(c.max()) // 3: int(s.max()) for c, s in zip(placement.column_index, placement.row_shift, strict=True)}
    assert shifts == {0: 3, 1: 0}


def test_refuses_planes_that_are_no_whole_cells_and_mixed_arrays():
    weight = torch.randn(5, 4)
    dense = map_weight(weight, MappingConfig(weight_bits=8, cell_bits=4))
    with pytest.raises(ValueError, match=r"`planes` must be one of 0, 3 \(whole cells, at least one left\). Got 4"):
        squeeze_out(dense, planes=4)
    with pytest.raises(ValueError, match="`planes` must be one of 0, 3 "):
        squeeze_out(dense, planes=-1)
    intra = map_weight(weight, MappingConfig(weight_bits=8, cell_bits=4, slicing="intra"))
    with pytest.raises(ValueError, match=r"`placement` must keep every plane in arrays of its own. Got 2 arrays"):
        squeeze_out(intra, planes=3)
    with pytest.raises(ValueError, match="merge columns after squeezing"):
        squeeze_out(merge_columns(dense), planes=3)


def test_sorted_rows_descend_and_keep_the_order_of_equals():
    codes = torch.tensor([[1, -2], [7, 0], [-7, 1], [0, 0], [2, 2]])
    assert sorted_rows(codes).tolist() == [1, 2, 0, 4, 3]


def test_sorting_empties_significant_planes_without_a_shift():
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(64, 8, generator=generator) * (torch.arange(64) % 8 == 0).float().clamp(min=0.05)[:, None]
    config = MappingConfig(weight_bits=8, cell_bits=1, rows=8, cols=8, release_empty=True)
    given_, sorted_ = (map_weight(weight, replace(config, row_order=order)) for order in ("given", "sorted"))
    assert torch.equal(given_.to_codes(), sorted_.to_codes())
    assert not sorted_.row_shift.any()
    assert sorted_.tiles < 0.7 * given_.tiles


def test_releasing_keeps_the_weights_and_only_drops_empty_arrays():
    weight = torch.zeros(12, 12)
    weight[:4, :4] = torch.randn(4, 4, generator=torch.Generator().manual_seed(0)).abs() + 0.5
    dense = map_weight(weight, MappingConfig(weight_bits=4, cell_bits=1, rows=4, cols=4))
    released = release_empty_tiles(dense)
    assert dense.tiles == 54
    assert released.tiles == 3  # the positive planes of one block
    assert torch.equal(released.to_codes(), dense.to_codes())


def test_merging_stores_copies_of_the_sign_once():
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(40, 8, generator=generator)
    weight[:, 1:] /= 20  # codes of 3 bits: their sign fills the planes above
    config = MappingConfig(weight_bits=8, cell_bits=1, rows=40, cols=8, encoding="twos_complement")
    dense, merged = map_weight(weight, config), map_weight(weight, replace(config, merge_columns=True))
    assert torch.equal(merged.to_codes(), dense.to_codes())
    assert int((merged.column_index >= 0).sum()) <= 8 + 7 * 5
    assert merged.tiles < dense.tiles
    per_output = merged.levels.transpose(1, 2)[merged.column_index == 3]
    assert len(per_output.unique(dim=0)) == len(per_output)


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_merging_never_needs_more_arrays_than_slicing_within_them(data):
    weight = random_weight(data.draw)
    config = MappingConfig(weight_bits=6, cell_bits=1, rows=5, cols=6, encoding="twos_complement")
    merged = map_weight(weight, replace(config, merge_columns=True))
    assert merged.tiles <= map_weight(weight, replace(config, slicing="intra")).tiles
    assert torch.equal(merged.to_codes(), map_weight(weight, config).to_codes())
