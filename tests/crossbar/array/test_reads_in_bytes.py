"""Reads whose sums become codes inside a product of bytes: code by code those of the engine that holds every current."""

import copy
import pickle
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import crossbar as xb
from crossbar.array.reads.integer.converted_product import converted_product, converts_products, pack_levels
from crossbar.array.reads.integer.engine import fits_bytes, pack_runs, read_bytes
from crossbar.array.reads.tiled.engine import read_tiles
from crossbar.converters import cut_pulses
from tests.crossbar.array.test_integer_reads import configs, programmed

pytestmark = pytest.mark.skipif(not converts_products(), reason="this machine converts no sums inside a product")


@settings(max_examples=60, deadline=None)
@given(config=configs(), bits=st.integers(2, 8), vectors=st.sampled_from([1, 9, 70]), seed=st.integers(0, 99))
def test_codes_are_those_of_the_tiled_engine(config, bits, vectors, seed):
    """With whole factors the sums over conversions are whole numbers, so one code that differed would show."""
    torch.manual_seed(seed)
    config = replace(config, adc=replace(config.adc, bits=bits), inputs=replace(config.inputs, negative="two_phase"))
    reader = programmed(config, nn.Linear(30, 7)).array.reader
    tables, found = reader.tables, reader.settings
    assert fits_bytes(tables, found)
    tables = replace(tables, factor=torch.arange(1.0, len(tables.factor) + 1) % 7 - 3)
    largest = 2 ** (config.inputs.bits - 1)
    codes = torch.randint(1 - largest, largest, (vectors, 30)).float() * (torch.rand(vectors, 1) < 0.7)
    expected = read_tiles(codes.t(), tables, reader.runs, found).t()
    assert torch.equal(read_bytes(codes, tables, pack_runs(tables, reader.runs), found), expected)
    assert torch.equal(read_bytes(codes.to(torch.int16), tables, pack_runs(tables, reader.runs), found), expected)


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("make", [lambda: nn.Conv2d(3, 5, 3, padding=1), lambda: nn.Conv2d(4, 8, 3, groups=2)])
def test_convolutions_carry_codes_as_bytes(make, negative):
    torch.manual_seed(0)
    layer = make()
    config = xb.CrossbarConfig(inputs=xb.InputConfig(dac_bits=1), adc=xb.ADC(bits=8))
    x = torch.rand(2, layer.in_channels, 9, 9) - 0.5 * negative
    integer, tiled = programmed(config, layer), programmed(replace(config, plan="tiled"), layer)
    with torch.no_grad():
        torch.testing.assert_close(integer(x), tiled(x), rtol=0, atol=1e-6)


def test_copies_and_loaded_states_read_their_own_levels():
    torch.manual_seed(0)
    config = xb.CrossbarConfig(inputs=xb.InputConfig(dac_bits=1), adc=xb.ADC(bits=8))
    one, other = programmed(config, nn.Linear(20, 6)), programmed(config, nn.Linear(20, 6))
    x = torch.rand(50, 20)
    with torch.no_grad():
        before, elsewhere = one(x), other(x)
        assert not torch.equal(before, elsewhere)
        one.load_state_dict(other.state_dict())
        assert torch.equal(one(x), elsewhere)
        assert torch.equal(copy.deepcopy(one)(x), elsewhere)
        assert torch.equal(pickle.loads(pickle.dumps(one))(x), elsewhere)


@pytest.mark.parametrize("kind", [torch.uint8, torch.int8])
def test_sums_between_two_codes_become_the_even_one_and_large_ones_saturate(kind):
    packed = pack_levels(torch.tensor([[1] * 8, [-1] * 8, [127] * 8], dtype=torch.int8))
    pulses = torch.tensor([[count >= i for i in range(1, 9)] for count in range(9)]).to(torch.uint8)
    codes = converted_product(pulses, packed, torch.tensor([0.5, 0.5, 1.0]), kind)
    assert codes[:, 0].tolist() == [0, 0, 1, 2, 2, 2, 3, 4, 4]
    assert codes[-1, 1:].tolist() == ([0, 255] if kind == torch.uint8 else [-4, 127])


@given(bits=st.integers(1, 8), pulse_bits=st.integers(1, 7), dim=st.integers(0, 1), seed=st.integers(0, 99))
def test_bytes_are_cut_as_larger_integers_are(bits, pulse_bits, dim, seed):
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, 2**bits, (5, 24), generator=generator)
    cycles = -(-bits // pulse_bits)
    cut = cut_pulses(codes.to(torch.uint8), cycles, pulse_bits, dim=dim)
    assert torch.equal(cut.long(), cut_pulses(codes, cycles, pulse_bits, dim=dim))


def test_one_row_may_keep_the_step_to_the_next():
    row = torch.arange(2 * 30).to(torch.uint8).view(2, 30)[:1, :24]
    assert row.is_contiguous()
    assert torch.equal(cut_pulses(row, 4, 2, dim=1).long(), cut_pulses(row.long(), 4, 2, dim=1))


def test_bytes_may_begin_anywhere_in_their_storage():
    part = torch.arange(90 + 4 * 8).to(torch.uint8)[90:].view(4, 8)
    assert torch.equal(cut_pulses(part, 4, 2, dim=1).long(), cut_pulses(part.long(), 4, 2, dim=1))
