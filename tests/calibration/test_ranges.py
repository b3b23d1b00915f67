import pytest
import torch
from torch import nn

import crossbar as xb
import devices
from calibration import calibrate_adc_ranges, calibrate_input_ranges
from calibration.support.sampling import quantile_of, sample_of
from crossbar.array.bit_line_currents import bit_line_currents
from crossbar.examples import accuracy

STATIC = xb.InputConfig(range="static")
CALIBRATED = xb.ADC(bits=6, range="calibrated")


def make(layer, **fields):
    config = xb.CrossbarConfig(**{"mapping": xb.MappingConfig(cell_bits=4, rows=16, cols=16), **fields})
    model = xb.convert_to_analog(nn.Sequential(layer), config).eval()
    xb.program_analog_weights(model, generator=torch.Generator().manual_seed(0))
    return model


@pytest.mark.parametrize("number", [1, 2, 7, 100])
@pytest.mark.parametrize("quantile", [0.0, 0.5, 0.9, 1.0])
def test_quantile_is_torchs_upper_one(number, quantile, generator):
    values = torch.randn(number, 3, generator=generator)
    got = quantile_of(values, quantile)
    share = (values <= got).double().mean(0)
    assert (share >= quantile).all()
    assert ((values < got).double().mean(0) <= quantile).all()
    assert len(sample_of(values, 5)) <= 5


@pytest.mark.parametrize("signed", [True, False])
def test_input_ranges(signed, generator):
    x = torch.randn(4, 1000, 6, generator=generator)
    x = x if signed else x.abs()
    expected = {
        "quantile": x.abs().flatten().quantile(0.99, interpolation="higher"),
        "minmax": x.abs().max(),
        "moving": None,
    }
    moving = quantile_of(x[0].abs().flatten(), 0.99)
    for batch in x[1:]:
        moving = torch.lerp(moving, quantile_of(batch.abs().flatten(), 0.99), 0.1)
    expected["moving"] = moving
    for method, largest in expected.items():
        model = make(nn.Linear(6, 3), inputs=STATIC)
        calibrate_input_ranges(model, x, method=method, quantile=0.99)
        lowest, highest = model[0].array.corrections["static_range"].bounds
        assert float(highest) == pytest.approx(float(largest), rel=2e-3)
        assert float(lowest) == (-float(highest) if signed else 0)


@pytest.mark.parametrize("method", ["quantile", "moving", "minmax"])
def test_calibrated_inputs_keep_accuracy(programmed, digits, method):
    analog = programmed(devices.Ideal, inputs=STATIC)
    with pytest.raises(RuntimeError, match="calibrate_input_ranges"):
        analog(digits.test.images)
    images = [{"x": x} for x, _ in digits.batches()]
    calibrate_input_ranges(analog, images, method=method, progress=True)
    assert accuracy(analog, digits.test) > accuracy(digits.model, digits.test) - 0.01


SETTINGS = {
    "bit-serial": {"inputs": xb.InputConfig(dac_bits=1), "adc": CALIBRATED},
    "two-phase": {"inputs": xb.InputConfig(dac_bits=4), "adc": CALIBRATED},
    "bipolar": {"inputs": xb.InputConfig(dac_bits=2, negative="bipolar"), "adc": CALIBRATED},
    "offset": {"inputs": xb.InputConfig(dac_bits=4, negative="offset"), "adc": CALIBRATED},
    "analog subtraction": {"adc": xb.ADC(bits=6, range="calibrated", subtraction="analog")},
    "wires": {"wires": xb.Wires(row=50.0, column=50.0), "adc": CALIBRATED},
    "operation units": {"parallel_rows": 8, "adc": CALIBRATED},
    "pairs on bit lines": {"mapping": xb.MappingConfig(rows=16, cols=16, pairs="bit_lines"), "adc": CALIBRATED},
    "pairs on word lines": {"mapping": xb.MappingConfig(rows=16, cols=8, pairs="word_lines"), "adc": CALIBRATED},
}


@pytest.mark.parametrize("setting", SETTINGS)
@torch.no_grad()
def test_recorded_currents_are_those_of_the_read(setting, generator):
    """Shift-and-add over the recorded currents of one vector gives what the array reads without conversion."""
    fields = dict(SETTINGS[setting])
    fine = xb.ADC(bits=24, range="full", subtraction=fields["adc"].subtraction)
    layer = nn.Linear(20, 5)
    model = make(layer, **(fields | {"adc": fine}))
    array = model[0].array
    codes = model[0].input_codes(torch.randn(1, 20, generator=generator))
    # Every word line group sees every bit of either sign, so that no idle read is left out of the record.
    codes[0, ::4], codes[0, 1::4] = 127, -127
    total = torch.zeros(5)
    significance = array.read_placement.column_significance.flatten().float()
    outputs = array.read_placement.column_index.flatten()
    step = (array.config.device.g_max - array.config.device.g_min) / (
        2.0 ** array.read_placement.column_bits.flatten() - 1
    )
    for lines in bit_line_currents(array, codes):
        worth = significance[lines.column] / step[lines.column]
        for phase_sign, reads in _phases(array, codes, lines.currents):
            bits = array.config.inputs.pulse_bits
            weights = 2.0 ** (bits * torch.arange(len(reads)))
            value = phase_sign * (weights[:, None] * reads).sum(0) * worth
            total.index_add_(0, outputs[lines.column].long(), value)
    if array.config.inputs.offset_code:
        total -= array.config.inputs.offset_code * (array.read_placement.to_weight().sum(0) / array.scale)
    torch.testing.assert_close(total * array.scale, array.read_vectors(codes)[0], rtol=1e-3, atol=1e-2)


def _phases(array, codes, currents):
    """Split the recorded reads of one vector, all of whose pulses drive some line, into phases."""
    if array.config.inputs.negative == "two_phase":
        half = len(currents) // 2
        return [(1, currents[:half]), (-1, currents[half:])]
    return [(1, currents)]


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("method", ["quantile", "least_squares"])
@pytest.mark.parametrize("granularity", ["tile", "column"])
@torch.no_grad()
def test_calibrated_converters_are_closer_than_full_range(setting, method, granularity, generator):
    layer, x = nn.Linear(40, 12), torch.randn(256, 40, generator=generator)
    fields = dict(SETTINGS[setting])
    exact = make(layer, **(fields | {"adc": xb.ADC(bits=24, subtraction=fields["adc"].subtraction)}))(x)
    full = make(layer, **(fields | {"adc": xb.ADC(bits=6, subtraction=fields["adc"].subtraction)}))(x)
    model = make(layer, **fields)
    with pytest.raises(RuntimeError, match="calibrate_adc_ranges"):
        model(x)
    calibrate_adc_ranges(model, x.split(64), method=method, granularity=granularity, quantile=0.9999)
    error, before = ((y - exact).square().mean() for y in (model(x), full))
    assert error < 0.6 * before
    assert model[0].array.corrections["adc_steps"].steps.shape == model[0].array.read_placement.column_index.shape


@torch.no_grad()
def test_least_squares_is_not_worse_than_no_clipping(generator):
    """On the calibrated currents themselves: the range that clips nothing is one of the candidates."""
    layer, x = nn.Linear(40, 12), torch.randn(256, 40, generator=generator)
    adc = xb.ADC(bits=4, range="calibrated")
    errors = {}
    for method, quantile in (("least_squares", 0.5), ("quantile", 1.0)):
        model = make(layer, adc=adc)
        calibrate_adc_ranges(model, [x], method=method, quantile=quantile, granularity="column")
        array = model[0].array
        steps, errors[method] = array.corrections["adc_steps"].steps.flatten(), []
        for lines in bit_line_currents(array, model[0].input_codes(x)):
            step = steps[lines.column]
            codes = (lines.currents / step).round().clamp(0, 15)
            errors[method].append((codes * step - lines.currents).square().sum(0))
    for best, unclipped in zip(*errors.values(), strict=True):
        assert (best <= unclipped * 1.001).all()
        assert best.sum() < unclipped.sum()


def test_ranges_survive_drift_and_programming(programmed, digits):
    analog = programmed(adc=xb.ADC(bits=8, range="calibrated"))
    calibrate_adc_ranges(analog, digits.batches()[:2], vectors=64)
    steps = analog[0].array.corrections["adc_steps"].steps.clone()
    good = accuracy(analog, digits.test)
    xb.drift_analog_weights(analog, 1e3)
    xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(0))
    assert torch.equal(analog[0].array.corrections["adc_steps"].steps, steps)
    assert accuracy(analog, digits.test) == good > 0.9


def test_an_error_leaves_ranges_as_they_were(generator):
    x = torch.randn(8, 6, generator=generator)
    model = make(nn.Linear(6, 3), inputs=STATIC, adc=CALIBRATED)
    calibrate_input_ranges(model, [x])
    calibrate_adc_ranges(model, [x])
    array = model[0].array
    before = array.corrections["static_range"].bounds.clone(), array.corrections["adc_steps"].steps.clone()
    for calibrate in (calibrate_input_ranges, calibrate_adc_ranges):
        with pytest.raises(TypeError, match="Got float"):
            calibrate(model, [3 * x, 1.0])
        with pytest.raises(ValueError, match="at least one batch"):
            calibrate(model, [])
        with pytest.raises(ValueError, match="`method` must be one of"):
            calibrate(model, [x], method="guess")
        with pytest.raises(ValueError, match="`quantile` must lie"):
            calibrate(model, [x], quantile=2.0)
    assert torch.equal(array.corrections["static_range"].bounds, before[0])
    assert torch.equal(array.corrections["adc_steps"].steps, before[1])
    with pytest.raises(ValueError, match="range='static'"):
        calibrate_input_ranges(make(nn.Linear(6, 3)), [x])
    with pytest.raises(ValueError, match="range='calibrated'"):
        calibrate_adc_ranges(make(nn.Linear(6, 3), adc=xb.ADC()), [x])
