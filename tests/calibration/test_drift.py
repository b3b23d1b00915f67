import dataclasses

import pytest
import torch
from torch import nn

import crossbar as xb
import devices
from calibration import compensate_drift
from crossbar.examples import accuracy

QUIET = dataclasses.replace(devices.RRAM, read_noise=None)
SPREAD = dataclasses.replace(QUIET, drift=devices.PowerLawDrift(nu=0.1, nu_spread=0.03))
NOISY = dataclasses.replace(devices.RRAM, read_noise=devices.RelativeReadNoise(ratio=0.05, draw="read"))
LAYERS = {
    "linear": (nn.Linear(20, 8), (16, 20)),
    "conv1d": (nn.Conv1d(4, 6, 3, padding=1), (2, 4, 9)),
    "conv2d groups": (nn.Conv2d(4, 6, 3, groups=2), (2, 4, 9, 9)),
    "conv3d": (nn.Conv3d(2, 3, 2, bias=False), (2, 2, 4, 4, 4)),
}


def make(layer, device, *, t=0.0, **fields):
    config = xb.CrossbarConfig(device=device, mapping=xb.MappingConfig(cell_bits=4, rows=16, cols=16), **fields)
    model = xb.convert_to_analog(nn.Sequential(layer), config).eval()
    xb.program_analog_weights(model, generator=torch.Generator().manual_seed(0))
    xb.drift_analog_weights(model, t)
    return model


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("granularity", ["layer", "column"])
@pytest.mark.parametrize("patterns", [None, 64])
@torch.no_grad()
def test_uniform_drift_is_undone_exactly(name, granularity, patterns, generator):
    layer, shape = LAYERS[name]
    model, x = make(layer, QUIET), torch.rand(shape, generator=generator)
    expected = model(x)
    xb.drift_analog_weights(model, 1e6)
    assert not torch.allclose(model(x), expected, rtol=0.1)
    compensate_drift(model, granularity=granularity, patterns=patterns)
    torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-5)
    assert model[0].array.corrections["drift"].factor.ndim == (granularity == "column")
    assert float(model[0].array.time) == 1e6


@torch.no_grad()
def test_a_factor_per_column_is_closer_than_one_per_layer(generator):
    layer = nn.Linear(64, 32)
    x, errors = torch.rand(200, 64, generator=generator), {}
    for granularity in (None, "layer", "column"):
        model = make(layer, SPREAD)
        expected = model(x)
        xb.drift_analog_weights(model, 1e5)
        if granularity:
            compensate_drift(model, granularity=granularity)
        errors[granularity] = float((model(x) - expected).square().mean())
    assert errors["column"] < errors["layer"] < 0.3 * errors[None]


@torch.no_grad()
def test_reference_time_and_renewal(generator):
    """A factor replaces the one before; the reference may be later than programming."""
    model, x = make(nn.Linear(20, 8), QUIET, t=100.0), torch.rand(4, 20, generator=generator)
    expected = model(x)
    for t in (1e4, 1e6, 1e3):
        xb.drift_analog_weights(model, t)
        compensate_drift(model, reference_time=100.0)
        torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("adc", [None, xb.ADC(bits=10, range="column")])
@torch.no_grad()
def test_through_converters_and_fresh_noise(adc, generator):
    layer = nn.Linear(64, 16)
    model, x = make(layer, NOISY, adc=adc), torch.rand(256, 64, generator=generator)
    expected = layer(x)
    xb.drift_analog_weights(model, 1e6)
    compensate_drift(model, patterns=256)
    slope = float((model(x) * expected).sum() / expected.square().sum())
    assert slope == pytest.approx(1, abs=0.03)


def test_accuracy_survives_drift(programmed, digits):
    model = programmed(dataclasses.replace(QUIET, drift=devices.PowerLawDrift(nu=0.1)), t=1e8)
    drifted = accuracy(model, digits.test)
    compensate_drift(model)
    assert drifted < 0.6
    assert accuracy(model, digits.test) > accuracy(digits.model, digits.test) - 0.02


def test_a_fresh_chip_has_no_factor():
    model = make(nn.Linear(4, 2), QUIET, t=10.0)
    compensate_drift(model)
    xb.program_analog_weights(model)
    assert model[0].array.corrections["drift"].factor is None


def test_bad_input():
    model = make(nn.Linear(4, 2), QUIET)
    with pytest.raises(ValueError, match="`granularity` must be one of"):
        compensate_drift(model, granularity="row")
    with pytest.raises(ValueError, match="`reference_time` must be >= 0"):
        compensate_drift(model, reference_time=-1.0)
    with pytest.raises(ValueError, match="`patterns` must be >= 1"):
        compensate_drift(model, patterns=0)
    with pytest.raises(RuntimeError, match="program_analog_weights"):
        compensate_drift(xb.convert_to_analog(nn.Sequential(nn.Linear(4, 2)), xb.CrossbarConfig()))
    with pytest.raises(ValueError, match="no analog layer"):
        compensate_drift(nn.Linear(4, 2))
