"""Random configs on small models: valid ones live a whole life, invalid ones are refused by name."""

import copy
import io
import re
import warnings
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import calibration
import crossbar as xb
from crossbar.sweeps import with_fields
from tests import fuzz_configs
from tests.fuzz_models import MODELS, ODD, PLAIN, REFUSED, build

_SETTINGS = {"derandomize": True, "deadline": None, "suppress_health_check": list(HealthCheck), "database": None}


def live(model_name, parts, seed):
    """Take a model through every station of its life, and look at the numbers at each."""
    config, _ = config_or_refusal(parts)
    if config is None:
        return
    digital, batches = build(model_name, seed)
    x = batches[0][0]
    analog = converted(digital, config)
    assert xb.config_from_json(xb.config_to_json(config)) == config
    if not programmed_or_refused(analog, seed):
        return
    if config.inputs.range == "static":
        calibration.calibrate_input_ranges(analog, batches)
    calibrate_converters(analog, config, batches)
    output = read(analog, x)
    assert output.dtype == digital(x).dtype
    assert torch.equal(read(reloaded(analog, digital, config), x), output)
    assert torch.equal(read(copy.deepcopy(analog), x), output)
    xb.drift_analog_weights(analog, 1e4)
    read(analog, x)
    for calibrate in calibrations(digital, batches):
        calibrate(analog)
        read(analog, x)
    after = read(analog, x)
    assert torch.equal(read(reloaded(analog, digital, config), x), after)
    assert int(xb.mapping_report(analog).crossbars.sel(mapping="own").min()) >= 0
    train_a_step(analog, batches)
    assert programmed_or_refused(analog, seed)
    calibrate_converters(analog, config, batches)  # other weights may take other arrays, which have no ranges yet
    read(analog, x)


def calibrate_converters(model, config, batches):
    """Set the ranges of converters that have none of their own."""
    if config.adc is not None and config.adc.range == "calibrated":
        calibration.calibrate_adc_ranges(model, batches)


def converted(digital, config):
    """Return the analog form of a model, whatever of it stays digital."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", xb.DigitalLayerWarning)
        return xb.convert_to_analog(digital, config)


def calibrations(digital, batches):
    """Return the calibrations that suit a model."""
    found = [
        compensated_or_refused,
        lambda model: calibration.fit_output_affine(model, digital, batches),
    ]
    if any(isinstance(module, torch.nn.modules.batchnorm._BatchNorm) for module in digital.modules()):
        found += [
            lambda model: calibration.adapt_batchnorm(model, batches),
            lambda model: calibration.finetune_batchnorm(model, batches, epochs=1),
        ]
    return found


def compensated_or_refused(model):
    """Compensate drift, unless so little is left of a layer that its converters give nothing."""
    try:
        calibration.compensate_drift(model)
    except RuntimeError as error:
        if "nothing is left to compensate" not in str(error):
            raise


def train_a_step(model, batches):
    """Move the ideal weights by one step of noise-aware training."""
    x, labels = batches[0]
    model.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        loss = torch.nn.functional.cross_entropy(model(x), labels)
    loss.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.sub_(1e-3 * parameter.grad)
    model.zero_grad()


def config_or_refusal(parts):
    """Return the config, or None and why the parts do not go together, which must name one of them."""
    try:
        return xb.CrossbarConfig(**parts), ""
    except ValueError as error:
        refusal = str(error)
    assert re.search("`[^`]+`", refusal), refusal
    return None, refusal


def programmed_or_refused(model, seed):
    """Program a chip; return False where converters do not fit the arrays and the message says which field."""
    try:
        xb.program_analog_weights(model, generator=torch.Generator().manual_seed(seed))
    except ValueError as error:
        refusal = str(error)
    else:
        return True
    assert "`adc.subtraction=" in refusal, refusal
    return False


def test_open_cells_behind_wires_add_no_noise():
    wires = xb.Wires(row=5.0, column=5.0, driver=200.0, sense=200.0)
    config = xb.CrossbarConfig(device=replace(xb.devices.PCM_JOSHI_2020, validity=None), wires=wires)
    digital, batches = build("linear", 0)
    analog = xb.convert_to_analog(digital, config)
    xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(0))
    read(analog, batches[0][0])


def test_open_bit_lines_behind_wires_have_a_range():
    """Their currents are rounding errors, and so is the range of their converters."""
    device = replace(xb.devices.PCM_HERMES_ONE_DEVICE, levels=None, validity=None)
    config = xb.CrossbarConfig(
        device=device,
        wires=xb.Wires(row=0.0, column=0.0, driver=0.5, sense=0.5),
        mapping=xb.MappingConfig(weight_bits=2, cell_bits=1, rows=2, cols=4),
        inputs=xb.InputConfig(bits=2),
        adc=xb.ADC(bits=2, range="column", fraction=0.25),
        parallel_rows=1,
    )
    digital, batches = build("linear", 0)
    analog = xb.convert_to_analog(digital, config)
    xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(0))
    read(analog, batches[0][0])


def read(model, x):
    """Return a read with seeded noise, which must be finite."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        output = model.eval()(x)
    assert output.isfinite().all()
    return output


def reloaded(model, digital, config):
    """Return the model saved, and loaded into a freshly converted one."""
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    fresh = converted(digital, config)
    fresh.load_state_dict(torch.load(file, weights_only=True))
    return fresh


plain_lives = given(st.sampled_from(sorted(PLAIN)), fuzz_configs.fields(), st.integers(0, 99))
all_lives = given(st.sampled_from(sorted(MODELS)), fuzz_configs.fields(), st.integers(0, 99))


@settings(max_examples=25, **_SETTINGS)
@plain_lives
def test_valid_configs_live_a_whole_life(model_name, parts, seed):
    live(model_name, parts, seed)


@pytest.mark.parametrize("model_name", sorted(ODD))
@settings(max_examples=4, **_SETTINGS)
@given(fuzz_configs.fields(), st.integers(0, 99))
def test_odd_models_live_a_whole_life(model_name, parts, seed):
    live(model_name, parts, seed)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
@settings(max_examples=1000, **{**_SETTINGS, "derandomize": False})
@all_lives
def test_many_valid_configs_live_a_whole_life(part, model_name, parts, seed):
    live(model_name, parts, seed)


EXACT = xb.CrossbarConfig(
    mapping=xb.MappingConfig(weight_bits=17, cell_bits=16, rows=5, cols=6), inputs=xb.InputConfig(bits=None)
)
"""Arrays that lose nothing but the last digits of weights."""


@pytest.mark.parametrize("model_name", sorted(MODELS))
def test_conversion_keeps_the_function_of_a_model(model_name):
    """On arrays without any error the analog model gives what the digital one gives, and the way back gives it again."""
    digital, batches = build(model_name, 4)
    analog = converted(digital, EXACT)
    xb.program_analog_weights(analog)
    for x, _ in batches:
        expected = digital(x)
        assert_close(read(analog, x), expected)
        assert torch.equal(xb.convert_to_digital(analog)(x), expected)


def assert_close(output, expected):
    """Raise unless an output is, to rounding of weights to 16 bits, what is expected."""
    assert output.dtype == expected.dtype
    assert (output - expected).abs().max() <= 1e-3 * expected.abs().max()


@pytest.mark.parametrize("granularity", ["tensor", "output"])
@pytest.mark.parametrize("adc", [None, xb.ADC(bits=8)])
@pytest.mark.parametrize("model_name", ["linear", "grouped", "lstm", "padded_encoder"])
def test_models_in_double_precision_are_read_in_it(model_name, adc, granularity):
    """A model that is double before conversion, or afterwards, gives the same, and nothing passes through float32."""
    mapping = xb.MappingConfig(weight_bits=8, rows=6, cols=6, granularity=granularity)
    config = xb.CrossbarConfig(mapping=mapping, adc=adc)
    digital, batches = build(model_name, 1)
    x = batches[0][0].double()
    before = converted(copy.deepcopy(digital).double(), config)
    xb.program_analog_weights(before, generator=torch.Generator().manual_seed(0))
    after = converted(digital, config)
    xb.program_analog_weights(after, generator=torch.Generator().manual_seed(0))
    single = read(after, x.float())
    after.double()
    outputs = [read(model, x) for model in (before, after)]
    assert all(output.dtype == torch.float64 for output in outputs)
    assert not torch.equal(outputs[0].float().double(), outputs[0])
    for output in (outputs[0], single.double()):
        assert (output - outputs[1]).abs().mean() <= (1e-4 if adc is None else 0.05) * outputs[1].abs().max()


def test_every_layer_of_an_encoder_gets_arrays_of_its_own():
    """Again and again, because memory of modules that are gone may be that of new ones."""
    for seed in range(60):
        analog = converted(build("padded_encoder", seed)[0], EXACT)
        assert len(xb.analog_layers(analog)) == 9


def test_layers_with_a_forward_of_their_own_stay_digital_and_say_so():
    digital, _ = build("subclassed", 0)
    with pytest.warns(xb.DigitalLayerWarning) as warned:
        analog = xb.convert_to_analog(digital, EXACT)
    assert {str(warning.message).split()[0] for warning in warned} == {"_Scaled", "_Standardised"}
    assert len(xb.analog_layers(analog)) == 1


@pytest.mark.parametrize("model_name", sorted(REFUSED))
def test_models_without_weights_of_their_own_are_refused(model_name):
    digital, _ = build(model_name, 0)
    with pytest.raises(ValueError, match=r"remove|Run the model once"):
        xb.convert_to_analog(digital, EXACT)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.complex64, torch.bool])
def test_inputs_that_are_not_real_numbers_are_refused(dtype, training):
    layer = torch.nn.Linear(4, 3)
    analog = converted(layer, EXACT)
    xb.program_analog_weights(analog)
    with pytest.raises(TypeError, match=f"`x` must be of a floating-point type.*Got {dtype}"):
        analog.train(training)(torch.ones(2, 4).to(dtype))


BAD = [(name, value) for name, values in fuzz_configs.BAD_FIELDS for value in values]


@pytest.mark.parametrize(("field", "value"), BAD, ids=lambda item: repr(item)[:20])
def test_a_bad_field_is_refused_by_name(field, value):
    with pytest.raises((TypeError, ValueError), match=f"`[^`]*{field.split('.')[-1]}"):
        with_fields(xb.CrossbarConfig(device=xb.devices.RRAM), {field: value})


@settings(max_examples=40, **_SETTINGS)
@given(fuzz_configs.fields(), st.sampled_from(fuzz_configs.BAD_FIELDS), st.data())
def test_a_bad_field_in_any_config_is_refused(parts, bad, data):
    name, values = bad
    config, _ = config_or_refusal(parts)
    assume(config is not None)
    with pytest.raises((TypeError, ValueError), match="`"):
        with_fields(config, {name: data.draw(st.sampled_from(values))})


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_weights_that_are_not_finite_are_refused(name, number):
    digital, _ = build(name, 0)
    analog = converted(digital, xb.CrossbarConfig())
    with torch.no_grad():
        xb.analog_layers(analog)[0].weight.view(-1)[1] = number
    with pytest.raises(ValueError, match="`weight`"):
        xb.program_analog_weights(analog)


@pytest.mark.parametrize("t", [-1.0, float("nan"), float("inf"), "1", None])
def test_a_time_that_cannot_be_is_refused(t):
    digital, _ = build("linear", 0)
    analog = xb.convert_to_analog(digital, xb.CrossbarConfig())
    xb.program_analog_weights(analog)
    with pytest.raises((TypeError, ValueError), match="`t`"):
        xb.drift_analog_weights(analog, t)
