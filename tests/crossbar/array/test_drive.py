"""What the word lines carry, against codes taken apart by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import crossbar as xb
from crossbar.array.drive import block_pulses, code_limits


def array_of(inputs, *, rows=4, parallel_rows=None, squeezed=0):
    config = xb.CrossbarConfig(
        mapping=xb.MappingConfig(weight_bits=5, cell_bits=1, rows=rows, cols=8, squeezed_planes=squeezed),
        inputs=inputs,
        parallel_rows=parallel_rows,
    )
    torch.manual_seed(0)
    layer = xb.convert_to_analog(nn.Linear(6, 3), config)
    xb.program_analog_weights(layer)
    return layer.array


@settings(max_examples=40, deadline=None)
@given(
    bits=st.integers(2, 6),
    dac_bits=st.integers(1, 6),
    negative=st.sampled_from(["two_phase", "bipolar", "offset"]),
    squeezed=st.sampled_from([0, 2]),
    parallel_rows=st.sampled_from([None, 1, 3]),
    seed=st.integers(0, 99),
)
def test_pulses_of_all_phases_add_up_to_the_shifted_codes(bits, dac_bits, negative, squeezed, parallel_rows, seed):
    inputs = xb.InputConfig(bits=bits, dac_bits=min(bits, dac_bits), negative=negative)
    array = array_of(inputs, parallel_rows=parallel_rows, squeezed=squeezed)
    highest = 2 ** (bits - 1) - 1
    codes = torch.randint(-highest, highest + 1, (5, 6), generator=torch.Generator().manual_seed(seed)).float()
    placement = array.read_placement
    for tile in array.conversions().block_tile.tolist():
        used = placement.row_index[tile] >= 0
        expected = torch.zeros(len(used), 5)
        lines = codes.t()[placement.row_index[tile][used].long()] + inputs.offset_code
        expected[used] = lines * 2.0 ** placement.row_shift[tile][used][:, None]
        total = torch.zeros_like(expected)
        for sign, drive in zip((1, -1), block_pulses(codes.t(), placement, inputs, tile), strict=False):
            worth = 2.0 ** (inputs.pulse_bits * torch.arange(drive.shape[1]))
            total += sign * torch.einsum("rcv,c->rv", drive, worth)
            assert float(drive.abs().max()) <= 2**inputs.pulse_bits - 1
        assert torch.equal(total, expected)


def test_every_operation_unit_has_a_word_line():
    """6 inputs on 4 rows: the second array drives 2 rows, so one unit of 2, not two."""
    array = array_of(xb.InputConfig(bits=4, negative="offset"), parallel_rows=2)
    assert (array.read_placement.row_index >= 0).any(1).all()
    assert array.read_placement.tiles * 2 == array.placement.tiles * 3


@pytest.mark.parametrize("negative", ["two_phase", "bipolar", "offset"])
def test_code_limits_leave_a_line_at_rest_and_drive_it_fully(negative):
    inputs = xb.InputConfig(bits=4, dac_bits=2, negative=negative)
    array = array_of(inputs)
    for code, pulse in zip(code_limits(inputs), (0, 3), strict=True):
        drive = next(block_pulses(torch.full((6, 1), code), array.placement, inputs, 0))
        assert (drive[array.placement.row_index[0] >= 0] == pulse).all()
