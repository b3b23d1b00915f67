"""Analog layers are made and initialised as those of torch.nn, with a config as one more argument."""

import pytest
import torch
from torch import nn

import crossbar as xb

CONFIG = xb.CrossbarConfig(mapping=xb.MappingConfig(weight_bits=14, cell_bits=7), inputs=xb.InputConfig(bits=None))
MADE = {
    nn.Linear: ((6, 4), {}, (2, 6)),
    nn.Conv1d: ((4, 6, 3), {"padding": "same", "groups": 2}, (2, 4, 7)),
    nn.Conv2d: ((3, 5, (3, 2), 2, 1), {"padding_mode": "reflect"}, (2, 3, 7, 7)),
    nn.Conv3d: ((2, 3, 2), {"bias": False}, (1, 2, 4, 4, 4)),
    nn.ConvTranspose1d: ((4, 6, 3, 2, 1, 1), {"dtype": torch.float64}, (2, 4, 5)),
    nn.ConvTranspose2d: ((4, 6, 3), {"stride": (2, 1), "groups": 2, "bias": False}, (2, 4, 5, 4)),
    nn.ConvTranspose3d: ((2, 3, 2), {"dilation": 2}, (1, 2, 3, 3, 3)),
}


def test_every_layer_is_here():
    assert set(MADE) == set(xb.ANALOG_LAYERS)


@pytest.mark.parametrize("digital_class", MADE, ids=lambda cls: cls.__name__)
def test_layers_are_made_as_in_torch(digital_class):
    arguments, settings, shape = MADE[digital_class]
    torch.manual_seed(0)
    digital = digital_class(*arguments, **settings).eval()
    torch.manual_seed(0)
    analog = xb.ANALOG_LAYERS[digital_class](*arguments, **settings, config=CONFIG).eval()
    assert {n: p.dtype for n, p in analog.named_parameters()} == {n: p.dtype for n, p in digital.named_parameters()}
    for one, other in zip(analog.parameters(), digital.parameters(), strict=True):
        assert torch.equal(one, other)
    xb.program_analog_weights(analog)
    x = torch.rand(shape, dtype=digital.weight.dtype)
    torch.testing.assert_close(analog(x), digital(x), rtol=2e-3, atol=2e-3)
    assert repr(analog.to_digital()) == repr(digital)


def test_they_mix_with_digital_layers_and_train():
    model = nn.Sequential(xb.AnalogConv2d(3, 8, 3, padding=1, config=CONFIG), nn.ReLU(), nn.Conv2d(8, 2, 1))
    model(torch.rand(2, 3, 5, 5)).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert [name for name, _ in xb.named_analog_layers(model)] == ["0"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: xb.AnalogLinear("6", 4, config=CONFIG), "`in_features` must be an integer. Got '6'"),
        (lambda: xb.AnalogLinear(6, 4.0, config=CONFIG), r"`out_features` must be an integer. Got 4\.0"),
        (lambda: xb.AnalogConv2d(3, "4", 3, config=CONFIG), "`out_channels` must be an integer"),
        (lambda: xb.AnalogConv2d(3, 4, "3", config=CONFIG), "`kernel_size` must be an integer or a sequence"),
        (lambda: xb.AnalogConv2d(3, 4, 3, stride=(1, 2.0), config=CONFIG), "`stride` must be an integer or a sequence"),
        (lambda: xb.AnalogConvTranspose2d(3, 4, 3, output_padding="1", config=CONFIG), "`output_padding` must be"),
        (lambda: xb.AnalogLinear(64, 32, 3, config=CONFIG), "`bias` must be True or False"),
        (lambda: xb.AnalogLinear(nn.Parameter(torch.rand(3, 2)), None, config=CONFIG), "from_digital"),
        (lambda: xb.AnalogLinear(64, 32, config=3), "`config` must be a CrossbarConfig"),
        (lambda: xb.AnalogLinear.from_digital(nn.Conv1d(2, 2, 2), CONFIG), "must be nn.Linear. Got Conv1d"),
    ],
)
def test_wrong_arguments_name_themselves(make, message):
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: xb.AnalogLinear(0, 4, config=CONFIG), "`in_features` must be >= 1. Got 0"),
        (lambda: xb.AnalogConv1d(3, 4, (3, 3), config=CONFIG), r"`kernel_size` must be one number or 1\. Got \(3, 3\)"),
        (lambda: xb.AnalogConv2d(3, 4, 3, stride=0, config=CONFIG), "`stride` must be >= 1. Got 0"),
        (lambda: xb.AnalogConv3d(3, 4, 3, padding=(0, 0, -1), config=CONFIG), r"`padding` must be >= 0\. Got"),
        (lambda: xb.AnalogConvTranspose2d(3, 4, 3, groups=0, config=CONFIG), "`groups` must be >= 1"),
    ],
)
def test_sizes_that_cannot_be_name_themselves(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("wrong", ["text", None, [1.0]])
def test_an_input_that_is_no_tensor_names_itself(wrong):
    layer = xb.AnalogLinear(1, 2, config=CONFIG)
    with pytest.raises(TypeError, match="`x` must be of a floating-point type"):
        layer(wrong)


def test_sizes_may_be_lists_as_in_torch():
    assert xb.AnalogConv2d(3, 4, [3, 2], stride=[1, 1], config=CONFIG).kernel_size == (3, 2)


@pytest.mark.parametrize("kind", MADE)
def test_a_config_by_position_says_how_to_give_it(kind):
    with pytest.raises(TypeError, match=r"given by name: `Analog\w+\(..., config=config\)`"):
        xb.ANALOG_LAYERS[kind](3, 4, 2, CONFIG)
