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


@torch.no_grad()
def test_a_layer_of_zero_weights_needs_no_factor():
    layer = nn.Linear(20, 8)
    layer.weight.zero_()
    model = make(layer, QUIET, t=1e5)
    compensate_drift(model)
    assert torch.equal(model(torch.rand(3, 20)), layer.bias.expand(3, 8))


@torch.no_grad()
def test_a_chip_that_has_faded_altogether_cannot_be_compensated():
    drift = devices.LogarithmicDrift(mean_slope=-1e-4, spread_slope=0.0)
    model = make(nn.Linear(20, 8), dataclasses.replace(QUIET, g_min=0.0, drift=drift, validity=None), t=1e8)
    with pytest.raises(
        RuntimeError, match=r"Layer `0` gives nothing .* 1e\+08 s after .* nothing is left to compensate"
    ):
        compensate_drift(model)


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


@pytest.mark.parametrize("plan", ["collapsed", "tiled"])
@pytest.mark.parametrize("granularity", ["layer", "column"])
@pytest.mark.parametrize(
    "options",
    [
        {"inputs": xb.InputConfig(negative="offset")},
        {"mapping": xb.MappingConfig(encoding="offset")},
        {"mapping": xb.MappingConfig(encoding="offset", reference_column=True)},
        {"mapping": xb.MappingConfig(encoding="twos_complement"), "inputs": xb.InputConfig(negative="offset")},
    ],
    ids=["offset inputs", "offset codes", "reference columns", "both"],
)
def test_what_does_not_drift_is_not_scaled(options, granularity, plan):
    """All cells fade alike: the factor is what they lost, and the fresh chip's outputs come back."""
    fading = dataclasses.replace(xb.devices.RRAM, read_noise=None, drift=xb.devices.PowerLawDrift(nu=0.05, t0=1.0))
    torch.manual_seed(0)
    model = xb.convert_to_analog(nn.Linear(20, 6), xb.CrossbarConfig(device=fading, plan=plan, **options)).eval()
    xb.program_analog_weights(model)
    x = torch.randn(7, 20)
    fresh = model(x)
    xb.drift_analog_weights(model, 1e5)
    compensate_drift(model, granularity=granularity)
    factor = model.array.corrections["drift"].factor
    torch.testing.assert_close(factor, torch.full_like(factor, 1e5**0.05), rtol=1e-4, atol=0)
    torch.testing.assert_close(model(x), fresh, rtol=1e-3, atol=1e-3)
    xb.drift_analog_weights(model, 0.0)  # the factor stays while the clock moves on
    assert not torch.allclose(model(x), fresh, rtol=0.1)


@pytest.mark.parametrize("plan", ["collapsed", "tiled"])
def test_known_inputs_see_the_noise_of_their_pulses(plan):
    """Bits read apart add their variances: sum of 4^c, not the square of the code."""
    device = dataclasses.replace(xb.devices.Ideal, read_noise=xb.devices.RelativeReadNoise(ratio=0.1, draw="read"))
    spread = {}
    for dac_bits in (1, 4):
        config = xb.CrossbarConfig(device=device, inputs=xb.InputConfig(bits=4, dac_bits=dac_bits), plan=plan)
        torch.manual_seed(0)
        layer = xb.convert_to_analog(nn.Linear(8, 3), config).eval()
        xb.program_analog_weights(layer)
        codes = torch.full((20_000, 8), 15.0)
        spread[dac_bits] = layer.array.read_vectors(codes).std(0)
    ratio = (1 + 4 + 16 + 64) ** 0.5 / 15
    torch.testing.assert_close(spread[1] / spread[4], torch.full((3,), ratio), rtol=0.03, atol=0)
