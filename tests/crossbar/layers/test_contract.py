"""The contract of every analog layer; a new layer is one row of `LAYERS`."""

import copy
import io
from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
from tests.crossbar.library_layers import Conv1D

LAYERS = {
    "linear": (lambda: nn.Linear(37, 11), (5, 37)),
    "linear no bias, more batch dimensions": (lambda: nn.Linear(20, 9, bias=False), (2, 3, 20)),
    "conv1d": (lambda: nn.Conv1d(4, 6, 5, padding=2, stride=2), (3, 4, 17)),
    "conv2d": (lambda: nn.Conv2d(3, 8, 3, padding=1), (4, 3, 9, 7)),
    "conv2d strided and dilated": (lambda: nn.Conv2d(4, 6, (3, 2), stride=(2, 1), dilation=(1, 2)), (2, 4, 9, 8)),
    "conv2d same": (lambda: nn.Conv2d(3, 5, 4, padding="same", dilation=2), (2, 3, 11, 12)),
    "conv2d reflect": (lambda: nn.Conv2d(3, 5, 3, padding=1, padding_mode="reflect", bias=False), (2, 3, 6, 6)),
    "conv2d circular same": (lambda: nn.Conv2d(2, 5, 3, padding="same", padding_mode="circular"), (2, 2, 6, 6)),
    "conv2d grouped": (lambda: nn.Conv2d(6, 9, 3, groups=3), (2, 6, 7, 7)),
    "conv2d depthwise": (lambda: nn.Conv2d(7, 7, 3, groups=7, padding=1), (2, 7, 6, 6)),
    "conv2d unbatched": (lambda: nn.Conv2d(3, 4, 3), (3, 6, 6)),
    "transposed conv1d": (lambda: nn.ConvTranspose1d(4, 6, 5, padding=2, stride=3, output_padding=1), (3, 4, 9)),
    "transposed conv2d": (lambda: nn.ConvTranspose2d(3, 5, (3, 2), stride=2, dilation=(1, 2)), (2, 3, 6, 5)),
    "transposed conv2d grouped": (lambda: nn.ConvTranspose2d(6, 4, 3, groups=2, padding=1, bias=False), (2, 6, 5, 5)),
    "transposed conv3d unbatched": (lambda: nn.ConvTranspose3d(2, 3, 2, stride=2), (2, 3, 3, 4)),
    "hugging face conv1d": (lambda: Conv1D(9, 20), (2, 3, 20)),
    "conv3d": (lambda: nn.Conv3d(2, 4, 3, padding=(1, 0, 1)), (2, 2, 5, 6, 5)),
}
FINE = xb.CrossbarConfig(
    mapping=xb.MappingConfig(weight_bits=14, cell_bits=5, rows=16, cols=8), inputs=xb.InputConfig(bits=12)
)
COARSE = replace(FINE, mapping=replace(FINE.mapping, weight_bits=6, cell_bits=3), inputs=xb.InputConfig(bits=5))
NOISY = replace(COARSE, device=xb.devices.RRAM, wires=xb.Wires(row=1.0, column=2.0, driver=50.0, sense=20.0))


@pytest.fixture(params=LAYERS, ids=lambda name: name.replace(" ", "_"))
def case(request):
    """Return a digital layer and an input for it."""
    torch.manual_seed(1)
    make, shape = LAYERS[request.param]
    return make().eval(), torch.randn(shape)


def analog(layer, config, *, seed=0):
    """Return the layer on a programmed chip."""
    model = xb.convert_to_analog(layer, config)
    xb.program_analog_weights(model, generator=torch.Generator().manual_seed(seed))
    return model


def test_fine_codes_on_ideal_arrays_give_the_digital_output(case):
    layer, x = case
    expected = layer(x)
    output = analog(layer, FINE)(x)
    assert output.shape == expected.shape
    assert (output - expected).norm() <= 2e-3 * expected.norm()


@pytest.mark.parametrize("negative", ["two_phase", "bipolar"])
@pytest.mark.parametrize("dac_bits", [1, 2, None])
def test_both_plans_agree(case, negative, dac_bits):
    layer, x = case
    config = replace(NOISY, inputs=xb.InputConfig(bits=5, dac_bits=dac_bits, negative=negative))
    collapsed = analog(layer, replace(config, plan="collapsed"))(x).detach()
    tiled = analog(layer, replace(config, plan="tiled", chunk=700))(x).detach()
    torch.testing.assert_close(tiled, collapsed, rtol=1e-4, atol=1e-5 * float(collapsed.abs().max()))


@pytest.mark.parametrize("range", ["vector", "batch"])
@pytest.mark.parametrize("adc", [None, xb.ADC(bits=6)], ids=["no ADC", "ADC"])
def test_an_empty_batch_gives_an_empty_output(case, adc, range):
    layer, x = case
    model = analog(layer, replace(NOISY, adc=adc, inputs=replace(NOISY.inputs, range=range)))
    if x.ndim == model.vector_dimensions and x.ndim > 1:
        x = x[None]
    none = x[:0]
    for mode in (False, True):
        assert model.train(mode)(none).shape == layer(none).shape


def test_outputs_do_not_depend_on_the_array_size(case):
    layer, x = case
    outputs = [
        analog(layer, replace(NOISY, wires=xb.Wires(), mapping=replace(NOISY.mapping, rows=rows, cols=cols)))(
            x
        ).detach()
        for rows, cols in ((4, 3), (16, 8), (1000, 1000))
    ]
    for other in outputs[1:]:
        torch.testing.assert_close(other, outputs[0], rtol=1e-4, atol=1e-5 * float(outputs[0].abs().max()))


def test_same_seed_same_chip_and_another_seed_another(case):
    layer, x = case
    first, again, other = (analog(layer, NOISY, seed=seed)(x) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_copies_and_checkpoints_are_the_same_chip(case):
    layer, x = case
    model = analog(layer, NOISY)
    xb.drift_analog_weights(model, 1e3)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    loaded = xb.convert_to_analog(layer, NOISY)
    loaded.load_state_dict(torch.load(file, weights_only=True))
    for same in (copy.deepcopy(model), loaded):
        assert torch.equal(same(x), model(x))
        xb.drift_analog_weights(same, 1e5)
        later = copy.deepcopy(model)
        xb.drift_analog_weights(later, 1e5)
        assert torch.equal(same(x), later(x))


def test_safetensors_round_trip(case, tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    layer, x = case
    model = analog(layer, NOISY)
    safetensors.save_file(model.state_dict(), tmp_path / "chip.safetensors")
    loaded = xb.convert_to_analog(layer, NOISY)
    loaded.load_state_dict(safetensors.load_file(tmp_path / "chip.safetensors"))
    assert torch.equal(loaded(x), model(x))


def test_programmed_state_is_buffers_only(case):
    layer, _ = case
    model = analog(layer, NOISY)
    assert {name for name, _ in model.named_parameters()} == {name for name, _ in layer.named_parameters()}
    for module in model.modules():
        loose = [name for name, value in vars(module).items() if isinstance(value, torch.Tensor)]
        assert not loose


def test_digital_layer_comes_back_with_the_same_parameters(case):
    layer, x = case
    model = xb.convert_to_analog(layer, COARSE)
    digital = xb.convert_to_digital(model)
    assert type(digital) is type(layer)
    assert torch.equal(digital(x), layer(x))


def test_reading_before_programming_is_refused(case):
    layer, x = case
    with pytest.raises(RuntimeError, match="program_analog_weights"):
        xb.convert_to_analog(layer, COARSE).eval()(x)


def test_wrong_input_size_is_refused(case):
    layer, x = case
    model = analog(layer, COARSE)
    with pytest.raises(ValueError, match="Got shape"):
        model(torch.cat([x, x], -model.vector_dimensions))


@pytest.mark.parametrize("plan", ["collapsed", "tiled"])
def test_reading_passes_gradients_to_its_input(case, plan):
    layer, x = case
    expected = torch.autograd.grad(layer(x.requires_grad_()).square().sum(), x)[0]
    model = analog(layer, replace(FINE, plan=plan))
    actual = torch.autograd.grad(model(x).square().sum(), x)[0]
    assert (actual - expected).norm() <= 5e-3 * expected.norm()


def test_training_passes_gradients_straight_to_the_ideal_weights(case):
    layer, x = case
    model = xb.convert_to_analog(layer, FINE).train()
    expected = torch.autograd.grad(layer(x).square().sum(), list(layer.parameters()))
    actual = torch.autograd.grad(model(x).square().sum(), list(model.parameters()))
    for one, other in zip(actual, expected, strict=True):
        assert (one - other).norm() <= 5e-3 * other.norm()


def test_training_draws_fresh_device_noise(case):
    layer, x = case
    model = xb.convert_to_analog(layer, NOISY).train()
    assert not torch.allclose(model(x), model(x))


def test_zero_inputs_and_zero_weights_give_the_bias(case):
    layer, x = case
    with torch.no_grad():
        layer.weight.zero_()
    bias = layer(x)  # nothing else is left
    torch.testing.assert_close(analog(layer, COARSE)(x), bias, atol=1e-6, rtol=0)
    torch.testing.assert_close(analog(layer, COARSE)(torch.zeros_like(x)), bias)
