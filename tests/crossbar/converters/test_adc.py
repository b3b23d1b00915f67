"""The converter of a bit line."""

import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import crossbar as xb
from crossbar.array.converter_steps import adc_steps
from crossbar.array.drive import DriveSettings
from crossbar.array.reads.tiled.engine import ReadSettings, read_tiles
from crossbar.array.reads.tiled.tables import ReadTables, find_runs
from crossbar.converters import adc_step


def codes_of(currents, bits, *, signed):
    """Return the codes of a converter for currents in units of its step, through the read itself."""
    tables = ReadTables(
        matrix=currents[:, None],
        variance=None,
        output=torch.arange(len(currents)),
        factor=torch.ones(len(currents)),
        adc_offset=None,
        adc_bow=None,
        row_index=torch.zeros(1, 1, dtype=torch.int64),
        row_shift=torch.zeros(1, 1, dtype=torch.int64),
    )
    inputs = xb.InputConfig(bits=2, dac_bits=2, negative="bipolar" if signed else "two_phase")
    runs = find_runs(torch.tensor([len(currents)]), tables.output, tables.lines, inputs)
    settings = ReadSettings(
        sums=len(currents),
        drive=DriveSettings(cycles=1, pulse_bits=1, code_bits=1, input_offset=0, two_phase=False, bipolar=signed),
        highest=xb.converters.highest_code(xb.ADC(bits=bits), signed=signed),
        signed=signed,
        clips=True,
        chunk=1,
    )
    return read_tiles(torch.ones(1, 1), tables, runs, settings)[:, 0]


@given(bits=st.integers(1, 12), signed=st.booleans(), seed=st.integers(0, 99))
def test_codes_are_monotone_and_in_range(bits, signed, seed):
    bits = max(bits, 2) if signed else bits
    currents = torch.randn(200, generator=torch.Generator().manual_seed(seed)).mul(2**bits).sort().values
    codes = codes_of(currents, bits, signed=signed)
    assert (codes.diff() >= 0).all()
    highest = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    lowest = -highest if signed else 0
    assert codes.min() >= lowest
    assert codes.max() <= highest
    inside = (currents > lowest) & (currents < highest)
    assert ((codes - currents)[inside].abs() <= 0.5).all()


def steps_of(adc):
    """Return the steps of a programmed layer of 8 rows and 4 outputs, and its solved arrays."""
    config = xb.CrossbarConfig(
        device=xb.devices.Device(g_min=1e-6, g_max=1e-5),
        mapping=xb.MappingConfig(weight_bits=5, cell_bits=4),
        inputs=xb.InputConfig(bits=4, dac_bits=2),
        adc=adc,
    )
    layer = xb.convert_to_analog(nn.Linear(8, 4), config)
    xb.program_analog_weights(layer)
    solved = layer.array.solved()
    return adc_steps(solved, layer.array.conversions()), solved


def test_ranges_hold_what_they_promise():
    full, solved = steps_of(xb.ADC(bits=4))
    torch.testing.assert_close(full, torch.full_like(full, 8 * 1e-5 * 3 / 15))
    half, _ = steps_of(xb.ADC(bits=4, fraction=0.5))
    torch.testing.assert_close(half, full / 2)
    column, solved = steps_of(xb.ADC(bits=4, range="column"))
    torch.testing.assert_close(column, solved.transfer.sum(1) * 3 / 15)


def test_a_pair_reaches_what_either_sign_can_give():
    """Of subtracted currents the converter sees the difference only, and that of negative weights is negative."""
    steps, solved = steps_of(xb.ADC(bits=4, range="column", subtraction="analog"))
    difference = solved.transfer[0] - solved.transfer[1]
    reach = torch.maximum(difference.clamp(min=0).sum(0), difference.clamp(max=0).sum(0).neg())
    torch.testing.assert_close(steps, (reach * 3 / 7).expand(2, 4))


def test_one_bit_for_both_signs_is_refused():
    with pytest.raises(ValueError, match="`bits` of an ADC must be >= 2"):
        adc_step(xb.ADC(bits=1), torch.ones(1, 1), largest_pulse=1, signed=True)


@pytest.mark.parametrize("encoding", ["differential", "offset", "twos_complement"])
def test_error_of_a_layer_falls_with_the_bits(encoding):
    torch.manual_seed(0)
    layer, x = nn.Linear(60, 10), torch.rand(20, 60)
    ideal = xb.CrossbarConfig(
        mapping=xb.MappingConfig(encoding=encoding, cell_bits=2, rows=32, cols=16), inputs=xb.InputConfig(dac_bits=2)
    )
    exact = output(layer, ideal, x)
    errors = [
        float((output(layer, replace(ideal, adc=xb.ADC(bits=bits, range="column")), x) - exact).norm() / exact.norm())
        for bits in (4, 6, 8, 10, 16)
    ]
    assert all(more < 0.7 * less for less, more in itertools.pairwise(errors))
    assert errors[-1] < 1e-3


def test_lossless_bits_lose_nothing():
    torch.manual_seed(0)
    layer, x = nn.Linear(60, 10), torch.rand(20, 60)
    config = xb.CrossbarConfig(
        mapping=xb.MappingConfig(cell_bits=1, rows=31, cols=16), inputs=xb.InputConfig(dac_bits=1)
    )
    assert xb.lossless_bits(31, 1, 1) == 5
    exact = output(layer, config, x)
    # 31 rows of one-bit cells and pulses: sums 0 .. 31 are the codes of a 5-bit converter. The last tile has 29 rows.
    first = xb.convert_to_analog(nn.Linear(31, 10), config)
    first.weight.data.copy_(layer.weight[:, :31])
    same = output(first.to_digital(), config, x[:, :31])
    read = output(first.to_digital(), replace(config, adc=xb.ADC(bits=5)), x[:, :31])
    torch.testing.assert_close(read, same, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(output(layer, replace(config, adc=xb.ADC(bits=3)), x), exact, rtol=1e-3)


def output(layer, config, x):
    model = xb.convert_to_analog(layer, config).eval()
    xb.program_analog_weights(model)
    with torch.no_grad():
        return model(x)


def test_converters_of_lines_without_current_add_nothing():
    """Positive weights leave the negative lines without current; an offset of their codes is none of amperes."""
    torch.manual_seed(0)
    layer = nn.Linear(16, 4, bias=False)
    nn.init.uniform_(layer.weight, 0.1, 1.0)
    config = xb.CrossbarConfig(
        device=xb.devices.Device(g_min=0.0, g_max=2e-5),
        inputs=xb.InputConfig(bits=6),
        adc=xb.ADC(bits=8, range="column", offset_spread=1.0),
    )
    model = xb.convert_to_analog(layer, config).eval()
    xb.program_analog_weights(model, generator=torch.Generator().manual_seed(0))
    steps = adc_steps(model.array.solved(), model.array.conversions())
    assert (steps == 0).any()
    x = torch.rand(8, 16)
    assert (model(x) - layer(x)).abs().max() < 0.05 * layer(x).abs().max()
