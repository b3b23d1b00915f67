"""Counted sizes against placements that are really made, and densities against the codes."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping import ENCODINGS, MappingConfig, SMECodebook, map_weight, quantize_weight
from mapping.accounting import (
    BASELINES,
    Footprint,
    bit_density,
    code_bit_density,
    dense_footprint,
    footprint,
)
from tests.mapping.mapping_tables import ENCODING_NAMES

SME = SMECodebook(bits=8, window=3)


def cycles(shift):
    return 8 + shift


@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_dense_counts_are_those_of_the_placement(data):
    groups = data.draw(st.sampled_from([1, 1, 2, 4]))
    inputs, width = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 12))
    weight_bits = data.draw(st.integers(2, 9))
    encoding = data.draw(st.sampled_from(ENCODING_NAMES))
    pairs = data.draw(
        st.sampled_from(["arrays", "bit_lines", "word_lines"][: 3 if ENCODINGS[encoding].has_pairs else 1])
    )
    config = MappingConfig(
        weight_bits=weight_bits,
        cell_bits=data.draw(st.integers(1, weight_bits)),
        rows=data.draw(st.integers(1 + (pairs == "word_lines"), 9)),
        cols=data.draw(st.integers(1 + (pairs == "bit_lines"), 9)),
        encoding=encoding,
        pairs=pairs,
        reference_column=ENCODINGS[encoding].takes_reference_columns and data.draw(st.booleans()),
        slicing=data.draw(st.sampled_from(["inter", "intra"])),
    )
    placement = map_weight(torch.randn(inputs, width * groups), config, groups=groups)
    units = {
        "parallel_rows": data.draw(st.sampled_from([None, 1, 2, 3, 4, 20])),
        "subtract_pairs": config.sign_encoding.has_pairs and data.draw(st.booleans()),
    }
    counted = dense_footprint(config, inputs=inputs, outputs=width * groups, groups=groups, cycles=cycles, **units)
    assert counted == footprint(placement, cycles, **units)
    assert 0 < counted.utilization <= 1


@pytest.mark.parametrize("name", BASELINES.keys())
@pytest.mark.parametrize("pairs", ["arrays", "word_lines"])
def test_every_baseline_is_a_mapping_that_can_be_made(name, pairs):
    ours = MappingConfig(
        weight_bits=9, cell_bits=1, rows=32, cols=16, quantizer=SME, squeezed_planes=4, row_order="sorted", pairs=pairs
    )
    config = BASELINES[name](ours)
    assert (config.rows, config.cols) == (32, 16)
    placement = map_weight(torch.randn(50, 20), config)
    assert dense_footprint(config, inputs=50, outputs=20, groups=1, cycles=cycles) == footprint(placement, cycles)


def test_baselines_have_the_sizes_that_they_are_named_for():
    ours = MappingConfig(weight_bits=9, cell_bits=1, rows=128, cols=128, quantizer=SME, squeezed_planes=3)
    shape = {"inputs": 1152, "outputs": 256, "groups": 1, "cycles": cycles}
    counts = {name: dense_footprint(make(ours), **shape).crossbars for name, make in BASELINES.items()}
    tiles = 9 * 2
    assert counts == {
        "dense_inter": 2 * 8 * tiles,
        "dense_intra": 2 * 9 * 256 * 8 // 128,
        "isaac": 9 * 256 * 8 // 128,  # 16-bit weights, 2-bit cells: 8 cells
        "smaller_codes": 2 * 5 * tiles,
    }


def test_a_squeezed_placement_counts_its_extra_cycles_array_by_array():
    weight = torch.ones(4, 6)
    weight[:, 3:] /= 16
    config = MappingConfig(weight_bits=8, cell_bits=1, rows=8, cols=8, squeezed_planes=3)
    counted = footprint(map_weight(weight, config, groups=2), cycles)
    # First group: 4 planes of ones shifted by 3; second: code 8, one plane, not shifted.
    assert counted == Footprint(
        crossbars=5, cells=5 * 12, array_cells=64, adc_conversions=4 * 3 * 11 + 3 * 8, input_cycles=11
    )
    assert counted.utilization == pytest.approx(60 / 320)
    nothing = footprint(map_weight(torch.zeros(4, 6), config), cycles)
    assert (nothing.crossbars, nothing.adc_conversions, nothing.input_cycles, nothing.utilization) == (0, 0, 0, 0.0)


@pytest.mark.parametrize("encoding", ENCODING_NAMES)
@pytest.mark.parametrize("cell_bits", [1, 2, 3, 8])
def test_densities_of_codes_and_of_cells_agree(encoding, cell_bits):
    weight = torch.randn(60, 20, generator=torch.Generator().manual_seed(0))
    config = MappingConfig(weight_bits=9, cell_bits=cell_bits, quantizer=SME, encoding=encoding, rows=16, cols=16)
    codes = quantize_weight(weight, SME)
    density = code_bit_density(codes, encoding)
    arrangements = [{}, {"slicing": "intra"}, {"row_order": "sorted", "release_empty": True}]
    arrangements += [{"reference_column": True}] * ENCODINGS[encoding].takes_reference_columns
    arrangements += [{"pairs": "bit_lines"}, {"pairs": "word_lines"}] * ENCODINGS[encoding].has_pairs
    for arrangement in arrangements:
        placement = map_weight(weight, replace(config, **arrangement))
        torch.testing.assert_close(bit_density(placement, bits=len(density)), density)
    if encoding == "differential":
        magnitude = codes.codes.abs()
        for plane in range(8):
            ones = float(((magnitude >> (7 - plane)) & 1).double().mean())
            assert float(density[plane]) == pytest.approx(ones)


def test_densities_of_gaussian_weights_in_an_sme_codebook():
    """Gaussian weights with a maximum of 4.5 standard deviations, N = 8, S = 3: the figures of a separate study."""
    # 4.5 standard deviations are 256 units there, so that the largest code, 224, clips.
    largest = 4.5 * 224 / 256
    weight = torch.randn(400_000, 1, generator=torch.Generator().manual_seed(0)).clamp(-largest, largest)
    density = 100 * code_bit_density(quantize_weight(weight, SME), "differential")
    expected = torch.tensor([3.4, 25.8, 40.2, 45.9, 36.1, 21.4, 11.1, 5.6], dtype=torch.float64)
    assert float((density - expected).abs().max()) < 0.5


def test_squeezed_planes_hold_nothing():
    weight = torch.randn(60, 20, generator=torch.Generator().manual_seed(0))
    config = MappingConfig(weight_bits=9, cell_bits=1, quantizer=SME, rows=16, cols=16, squeezed_planes=4)
    density = bit_density(map_weight(weight, config), bits=8)
    assert not density[:4].any()
    assert density[4:].min() > 0
