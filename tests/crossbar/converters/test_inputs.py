"""Input codes and pulses."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import crossbar as xb
from crossbar.converters import InputConfig, code_range, pulse_power, pulses, quantize_inputs


def codes_of(x, config, dimensions=1, static=None):
    found = code_range(x, config, vector_dimensions=dimensions, static_range=static)
    return quantize_inputs(x, found, config), found.scale


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_codes_fill_their_range(bits):
    codes, _ = codes_of(torch.linspace(0, 3, 1000), InputConfig(bits=bits, range="batch"))
    assert codes.unique().tolist() == list(range(2**bits))
    codes, _ = codes_of(torch.linspace(-3, 3, 1000), InputConfig(bits=bits, range="batch"))
    assert codes.unique().tolist() == list(range(-(2 ** (bits - 1)) + 1, 2 ** (bits - 1)))


def test_error_is_at_most_half_a_code():
    x = torch.randn(4, 50)
    codes, scale = codes_of(x, InputConfig(bits=6))
    assert ((codes * scale - x).abs() <= scale / 2 + 1e-6).all()


def test_vector_range_does_not_depend_on_the_batch():
    x = torch.randn(3, 2, 5, 5)
    together, _ = codes_of(x, InputConfig(), 3)
    alone, _ = codes_of(x[1:2], InputConfig(), 3)
    assert torch.equal(together[1:2], alone)


def test_static_range_clips():
    config = InputConfig(bits=4, range="static")
    codes, _ = codes_of(torch.tensor([-9.0, -1.0, 0.6, 9.0]), config, static=torch.tensor([-1.0, 1.0]))
    assert codes.tolist() == [-7, -7, 4, 7]
    codes, _ = codes_of(torch.tensor([-9.0, 0.52, 9.0]), config, static=torch.tensor([0.0, 1.0]))
    assert codes.tolist() == [0, 8, 15]


def test_static_range_must_be_set():
    with pytest.raises(RuntimeError, match="calibrate_input_ranges"):
        code_range(torch.ones(3), InputConfig(range="static"), vector_dimensions=1, static_range=None)


@given(bits=st.integers(2, 10), dac_bits=st.integers(1, 10), extra=st.integers(0, 4), seed=st.integers(0, 99))
def test_pulses_add_up_to_the_code(bits, dac_bits, extra, seed):
    config = InputConfig(bits=bits, dac_bits=min(bits, dac_bits))
    if config.cycles() == 1:
        extra = 0
    largest = 2 ** (bits + extra)
    codes = torch.randint(0, largest, (50,), generator=torch.Generator().manual_seed(seed)).float()
    digits = pulses(codes, config, extra)
    weight = 2.0 ** (torch.arange(len(digits)) * config.pulse_bits)
    assert torch.equal((digits * weight[:, None]).sum(0), codes)
    assert digits.max() < 2**config.pulse_bits or config.cycles() == 1
    assert len(digits) == config.cycles(extra)


def test_power_of_bit_serial_pulses():
    codes = torch.tensor([0.0, 1.0, -5.0, 7.0])
    assert pulse_power(codes, InputConfig(bits=3, dac_bits=1)).tolist() == [0, 1, 1 + 16, 1 + 4 + 16]
    assert pulse_power(codes, InputConfig(bits=3)).tolist() == [0, 1, 25, 49]


@pytest.mark.parametrize("range", ["vector", "batch"])
@pytest.mark.parametrize("negative", ["two_phase", "bipolar", "offset"])
@pytest.mark.parametrize("adc", [None, xb.ADC()], ids=["collapsed", "tiled"])
def test_a_batch_of_nothing_gives_nothing(range, negative, adc):
    config = xb.CrossbarConfig(inputs=xb.InputConfig(range=range, negative=negative), adc=adc)
    model = xb.convert_to_analog(nn.Linear(6, 3), config).eval()
    xb.program_analog_weights(model)
    assert model(torch.zeros(0, 6)).shape == (0, 3)


@pytest.mark.parametrize("range", ["vector", "batch"])
@pytest.mark.parametrize("adc", [None, xb.ADC(offset_spread=3.0)], ids=["collapsed", "tiled"])
def test_zero_in_bias_out(range, adc):
    """Even where offset inputs drive every line of noisy cells."""
    inputs = xb.InputConfig(range=range, negative="offset")
    model = xb.convert_to_analog(nn.Linear(6, 3), xb.CrossbarConfig(device=xb.devices.RRAM, inputs=inputs, adc=adc))
    xb.program_analog_weights(model.eval())
    assert torch.equal(model(torch.zeros(2, 6)), model.bias.detach().expand(2, 3))
