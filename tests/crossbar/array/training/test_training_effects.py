"""What train() contains: the chip itself where all of it is asked for, with gradients that finite differences confirm."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
import devices

WIRES = xb.Wires(row=5.0, column=10.0, driver=1e3, sense=1e3)
EXACT = devices.Device(g_min=2e-6, g_max=2e-5, drift=devices.PowerLawDrift(nu=0.05))
MAPPING = {"rows": 16, "cols": 8}
CHIPS = {
    "pairs": {},
    "slices": {"mapping": xb.MappingConfig(cell_bits=2, **MAPPING)},
    "slices side by side": {"mapping": xb.MappingConfig(slicing="intra", **MAPPING)},
    "offset": {"mapping": xb.MappingConfig(encoding="offset", **MAPPING)},
    "reference column": {"mapping": xb.MappingConfig(encoding="offset", reference_column=True, **MAPPING)},
    "two's complement": {"mapping": xb.MappingConfig(encoding="twos_complement", **MAPPING)},
    "pairs on word lines": {"mapping": xb.MappingConfig(pairs="word_lines", **MAPPING)},
    "squeezed": {"mapping": xb.MappingConfig(cell_bits=1, squeezed_planes=2, row_order="sorted", **MAPPING)},
    "offset inputs": {"inputs": xb.InputConfig(negative="offset")},
    "bit-serial": {"inputs": xb.InputConfig(dac_bits=1)},
    "few rows at a time": {"parallel_rows": 8},
    "open rows": {"parallel_rows": 8, "undriven": "open"},
}
ALL = xb.TrainingEffects(wires=True, time=1e4, adc=True, stuck_cells="chip")


def configured(device=EXACT, training=ALL, adc=None, **fields):
    fields = {"mapping": xb.MappingConfig(cell_bits=7, **MAPPING), **fields}
    return xb.CrossbarConfig(device=device, wires=WIRES, adc=adc, training=training, **fields)


def convolution(config, groups=2):
    torch.manual_seed(0)
    return xb.convert_to_analog(nn.Conv2d(8, 12, 3, groups=groups), config)


@pytest.mark.parametrize("adc", [None, xb.ADC(bits=6, range="column")], ids=["read exactly", "through the ADC"])
@pytest.mark.parametrize("chip", CHIPS)
def test_training_with_all_effects_reads_the_chip_that_programming_gives(chip, adc):
    layer = convolution(configured(adc=adc, **CHIPS[chip]))
    xb.program_analog_weights(layer, seed=0)
    xb.drift_analog_weights(layer, 1e4)
    x = torch.randn(3, 8, 5, 5)
    expected = layer.eval()(x)
    assert torch.equal(layer.train()(x), expected)
    assert not torch.equal(layer(x), nn.functional.conv2d(x, layer.weight, layer.bias, groups=2))


def test_stuck_cells_of_the_programmed_chip_are_trained_for():
    device = replace(EXACT, stuck=devices.StuckCells(at_g_min=0.05, at_g_max=0.1))
    layer = convolution(configured(device))
    x = torch.randn(3, 8, 5, 5)
    with pytest.raises(RuntimeError, match="program_analog_weights"):
        layer.train()(x)
    xb.program_analog_weights(layer, seed=3)
    xb.drift_analog_weights(layer, 1e4)
    assert torch.equal(layer.train()(x), layer.eval()(x))
    assert torch.equal(layer.train()(x), layer.train()(x))
    xb.set_training_effects(layer, replace(ALL, stuck_cells="drawn"))
    assert not torch.equal(layer.train()(x), layer.train()(x))


def test_stuck_cells_need_arrays_of_the_same_shape():
    device = replace(EXACT, stuck=devices.StuckCells(at_g_max=0.1))
    mapping = xb.MappingConfig(cell_bits=1, release_empty=True, **MAPPING)
    layer = convolution(configured(device, mapping=mapping))
    xb.program_analog_weights(layer, seed=0)
    with torch.no_grad():
        layer.weight[2:] = 0.0
    with pytest.raises(ValueError, match="stuck_cells='drawn'"):
        layer.train()(torch.randn(3, 8, 5, 5))


QUIET = {"quantizer": False, "inputs": False, "programming": False, "read_noise": False}
NOISY = replace(
    EXACT,
    programming=devices.GaussianProgramming(spread=0.02),
    read_noise=devices.RelativeReadNoise(ratio=0.05),
    stuck=devices.StuckCells(at_g_min=0.1, at_g_max=0.1),
    drift=devices.PowerLawDrift(nu=0.05, nu_spread=0.02),
)
EFFECTS = {
    "nothing": {},
    "programming error": {"programming": True, "wires": True},
    "read noise": {"read_noise": True, "wires": True},
    "stuck cells": {"stuck_cells": "drawn"},
    "drift": {"time": 1e5},
    "wires": {"wires": True},
    "all": {"programming": True, "read_noise": True, "stuck_cells": "drawn", "time": 1e5, "wires": True},
}
SMOOTH = ("pairs", "slices", "offset", "reference column", "pairs on word lines", "few rows at a time", "open rows")


def slope(layer, tensor, direction, x, step=1e-6):
    """Return the derivative of a scalar of the outputs along a direction by central differences."""

    def value(distance):
        with torch.no_grad():
            tensor.add_(distance * direction)
            result = scalar(layer, x)
            tensor.sub_(distance * direction)
        return float(result)

    return (value(step) - value(-step)) / (2 * step)


def scalar(layer, x):
    torch.manual_seed(7)
    outputs = layer(x)
    return (outputs * torch.linspace(-1, 1, outputs.numel(), dtype=outputs.dtype).view_as(outputs)).sum()


@pytest.mark.parametrize("chip", SMOOTH)
@pytest.mark.parametrize("effect", EFFECTS)
def test_gradients_are_those_of_finite_differences(effect, chip):
    training = xb.TrainingEffects(**{**QUIET, **EFFECTS[effect]})
    layer = convolution(configured(NOISY, training, **CHIPS[chip])).double().train()
    x = torch.randn(3, 8, 5, 5, dtype=torch.float64, requires_grad=True)
    scalar(layer, x).backward()
    for tensor in (layer.weight, x):
        direction = torch.randn_like(tensor)
        # The largest weight sets the scale of the codes, which gradients hold fixed.
        direction[tensor.abs() == tensor.abs().max()] = 0
        found = float((tensor.grad * direction).sum())
        assert found == pytest.approx(slope(layer, tensor, direction, x), rel=2e-6)


@pytest.mark.parametrize("chip", SMOOTH)
def test_rounding_passes_gradients_straight_through(chip):
    """With seventeen bits, gradients of the rounded chip are those of the one that is not."""
    mapping = CHIPS[chip].get("mapping", configured().mapping)
    fields = {**CHIPS[chip], "mapping": replace(mapping, weight_bits=17, cell_bits=max(2, mapping.cell_bits))}
    gradients = []
    for quantizer in (True, False):
        training = xb.TrainingEffects(quantizer=quantizer, inputs=False, wires=True, time=1e4)
        layer = convolution(configured(training=training, **fields)).double().train()
        scalar(layer, torch.randn(3, 8, 5, 5, dtype=torch.float64)).backward()
        gradients.append(layer.weight.grad)
    rounded, even = gradients
    torch.testing.assert_close(rounded, even, rtol=0, atol=0.2 * float(even.std()))


def test_a_gradient_passes_the_converters():
    layer = convolution(configured(adc=xb.ADC(bits=5))).train()
    x = torch.randn(3, 8, 5, 5)
    xb.program_analog_weights(layer, seed=0)
    layer(x).sum().backward()
    through = layer.weight.grad.clone()
    layer.weight.grad = None
    xb.set_training_effects(layer, replace(ALL, adc=False))
    layer(x).sum().backward()
    assert torch.equal(through, layer.weight.grad)


def test_read_noise_of_converters_is_that_of_reads():
    device = replace(EXACT, read_noise=devices.RelativeReadNoise(ratio=0.2))
    training = xb.TrainingEffects(wires=True, time=1e4, adc=True)
    layer = convolution(configured(device, training, adc=xb.ADC(bits=12)))
    xb.program_analog_weights(layer, seed=0)
    xb.drift_analog_weights(layer, 1e4)
    x = torch.randn(1, 8, 5, 5).expand(300, -1, -1, -1)
    with torch.no_grad():
        spread = [layer.train(mode)(x).std(0) for mode in (True, False)]
    assert float(spread[0].mean() / spread[1].mean()) == pytest.approx(1, abs=0.03)


def test_the_default_says_what_it_leaves_out():
    layer = convolution(configured(NOISY, xb.TrainingEffects(), adc=xb.ADC()))
    assert "train() without stuck cells, drift, wires, ADC" in repr(layer)
    layer = convolution(configured(NOISY, ALL, adc=xb.ADC()))
    assert "without" not in repr(layer)
    quiet = xb.TrainingEffects(programming=False, read_noise=False)
    assert "without programming error, read noise, stuck" in repr(convolution(configured(NOISY, quiet)))


def test_without_errors_of_the_device_training_draws_nothing():
    training = xb.TrainingEffects(programming=False, read_noise=False)
    layer = convolution(configured(NOISY, training)).train()
    x = torch.randn(3, 8, 5, 5)
    assert torch.equal(layer(x), layer(x))


def test_each_error_of_the_device_is_drawn_by_itself():
    """One draw on each of 3000 weights of half range: window 18 uS, G = 11 uS and its partner at 2 uS."""
    x, spreads = torch.eye(3000), []
    for chosen in ({"read_noise": False}, {"programming": False}, {}):
        training = xb.TrainingEffects(**chosen)
        layer = xb.convert_to_analog(nn.Linear(3000, 1, bias=False), configured(NOISY, training)).train()
        with torch.no_grad():
            layer.weight.fill_(64 / 127)
            layer.weight[0, 0] = 1.0
            spreads.append(float(layer(x)[1:].std()) * 18e-6)
    step, read = 64 / 127 * 18e-6 + 2e-6, (0.05 * 2e-6) ** 2
    programming = 2 * (0.02 * 18e-6) ** 2
    wanted = [programming, (0.05 * step) ** 2 + read, programming + (0.05 * step) ** 2 + read]
    assert spreads == pytest.approx([variance**0.5 for variance in wanted], rel=0.05)


def test_effects_travel_with_the_config_but_do_not_bind_a_chip():
    config = configured(training=replace(ALL, noise=xb.OutputShift(mean=(0.5,), spread=(0.1,))))
    assert xb.config_from_json(xb.config_to_json(config)) == config
    layer = convolution(configured())
    xb.program_analog_weights(layer, seed=0)
    other = convolution(configured(training=xb.TrainingEffects()))
    other.load_state_dict(layer.state_dict())
    x = torch.randn(3, 8, 5, 5)
    assert torch.equal(other.eval()(x), layer.eval()(x))


def test_a_config_of_before_has_the_default_effects():
    text = xb.config_to_json(xb.CrossbarConfig())
    start = text.index(', "training": ')
    old = text[:start] + text[text.index("}", start) + 1 :]
    assert "training" not in old
    assert xb.config_from_json(old) == xb.CrossbarConfig()


def test_effects_are_chosen_for_a_model_or_layer_by_layer():
    model = xb.convert_to_analog(nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2)), configured())
    xb.program_analog_weights(model, seed=0)
    expected = model.eval()(torch.eye(6))
    xb.set_training_effects(model, xb.TrainingEffects(wires=True))
    xb.set_training_effects(model, {"2": xb.TrainingEffects(time=10.0)})
    assert [model[i].array.config.training for i in (0, 2)] == [
        xb.TrainingEffects(wires=True),
        xb.TrainingEffects(time=10.0),
    ]
    assert torch.equal(model(torch.eye(6)), expected)
    with pytest.raises(ValueError, match="there are 0, 2"):
        xb.set_training_effects(model, {"3": xb.TrainingEffects()})


def test_effects_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="needs codes"):
        xb.TrainingEffects(adc=True, quantizer=False)
    with pytest.raises(ValueError, match="compensation"):
        configured(compensation=xb.WireCompensation())
    with pytest.raises(ValueError, match="moves evenly"):
        configured(training=xb.TrainingEffects(quantizer=False), **CHIPS["two's complement"])
