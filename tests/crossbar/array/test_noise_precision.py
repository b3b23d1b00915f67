"""Variances of read noise are multiplied in bfloat16 where a machine has it, to 0.3 % of the standard deviation."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
from crossbar.array.reads import collapsed, noise_precision
from crossbar.array.reads.noise_precision import variance_type
from crossbar.array.reads.tiled import digits
from devices import RelativeReadNoise

NOISY = replace(xb.devices.RRAM, drift=None, read_noise=RelativeReadNoise(ratio=0.1, draw="read"))


@pytest.fixture
def bfloat16(monkeypatch):
    """Multiply in bfloat16 here, whether the machine is fast at it or not."""
    monkeypatch.setattr(noise_precision, "_has_bfloat16", lambda device_type: True)


@pytest.mark.parametrize("dac_bits", [None, 1])
@pytest.mark.parametrize("make", [lambda: nn.Linear(300, 40), lambda: nn.Conv2d(8, 40, 3)])
def test_spread_of_collapsed_reads_is_that_of_double_precision(bfloat16, make, dac_bits):
    torch.manual_seed(0)
    layer = make()
    config = xb.CrossbarConfig(device=NOISY, inputs=xb.InputConfig(dac_bits=dac_bits))
    analog = xb.convert_to_analog(layer, config).eval()
    xb.program_analog_weights(analog, seed=0)
    x = torch.randn(64, 300) if isinstance(layer, nn.Linear) else torch.randn(64, 8, 7, 7)
    codes = torch.randint(-127, 128, x.shape).float()
    reader = analog.array.reader
    assert codes.numel() >= collapsed._MANY * reader.variance.shape[1]
    with torch.no_grad():
        found = reader._variance_of_outputs(codes, reader.variance, analog)
        exact = reader._variance_of_outputs(codes.double(), reader.variance.double(), analog)
    error = (found.double() / exact).sqrt() - 1
    assert 0 < error.abs().max() < 3e-3


def test_spread_of_tiled_reads_is_that_of_float32(bfloat16, monkeypatch):
    """4 000 reads of one vector through a fine ADC, with the same normal numbers."""
    config = xb.CrossbarConfig(device=NOISY, inputs=xb.InputConfig(dac_bits=1), adc=xb.ADC(bits=16))
    layer = nn.Linear(200, 24, bias=False)
    monkeypatch.setattr(digits, "_has_byte_products", lambda: False)
    sigmas = []
    for kind in (torch.bfloat16, torch.float32):
        monkeypatch.setattr(noise_precision, "_has_bfloat16", lambda device_type, kind=kind: kind == torch.bfloat16)
        analog = xb.convert_to_analog(layer, config).eval()
        xb.program_analog_weights(analog, seed=0)
        assert analog.array.reader.variance.dtype == kind
        torch.manual_seed(0)
        with torch.no_grad():
            sigmas.append(analog(torch.linspace(0, 1, 200).expand(4000, -1)).std(0))
    # The same draws: what is left is the precision of the spread, and codes that it moves.
    assert (sigmas[0] / sigmas[1] - 1).abs().max() < 3e-3


def test_double_precision_and_other_devices_keep_theirs():
    assert variance_type(torch.float64, torch.device("cpu")) == torch.float64
    assert variance_type(torch.float32, torch.device("meta")) == torch.float32
