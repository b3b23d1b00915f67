"""Which layers become analog, and which say that they do not."""

import warnings

import pytest
import torch
from torch import nn

import crossbar as xb

CONFIG = xb.CrossbarConfig()


class Scaled(nn.Linear):
    """A subclass of a convertible layer."""


def network():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU()), nn.Linear(8, 3)
    )


def test_every_layer_with_an_analog_form_is_replaced():
    model = xb.convert_to_analog(network(), CONFIG)
    assert [name for name, _ in xb.named_analog_layers(model)] == ["0", "2.1", "3"]


def test_the_original_is_left_alone_unless_asked():
    digital = network()
    xb.convert_to_analog(digital, CONFIG)
    assert type(digital[0]) is nn.Conv2d
    assert xb.convert_to_analog(digital, CONFIG, inplace=True) is digital
    assert isinstance(digital[0], xb.AnalogConv2d)


@pytest.mark.parametrize(("pattern", "left"), [("3", ["0", "2.1"]), ("re:2.*", ["0", "3"]), ("2", ["0", "3"])])
def test_overrides_keep_layers_digital(pattern, left):
    model = xb.convert_to_analog(network(), CONFIG, overrides={pattern: None})
    assert [name for name, _ in xb.named_analog_layers(model)] == left


def test_overrides_give_a_layer_its_own_config():
    other = xb.CrossbarConfig(mapping=xb.MappingConfig(weight_bits=4))
    model = xb.convert_to_analog(network(), CONFIG, overrides={"re:2\\..*": other})
    assert [layer.array.config is other for layer in xb.analog_layers(model)] == [False, True, False]


def test_unknown_override_is_refused():
    with pytest.raises(ValueError, match=r"no layer of the model. Layers: 0, 1"):
        xb.convert_to_analog(network(), CONFIG, overrides={"fc": None})


def test_override_for_a_layer_without_analog_form_is_refused():
    with pytest.raises(TypeError, match="BatchNorm2d, which has no analog form"):
        xb.convert_to_analog(network(), CONFIG, overrides={"1": CONFIG})


def test_override_of_a_wrong_type_is_refused():
    with pytest.raises(TypeError, match="must be a CrossbarConfig or None"):
        xb.convert_to_analog(network(), CONFIG, overrides={"0": "digital"})


def test_nothing_to_convert_is_refused():
    with pytest.raises(ValueError, match="no layer left to convert"):
        xb.convert_to_analog(nn.ReLU(), CONFIG)


def test_subclasses_are_converted():
    assert isinstance(xb.convert_to_analog(Scaled(3, 2), CONFIG), xb.AnalogLinear)


def test_tied_weights_and_shared_layers_stay_tied():
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(4, 4))
    model[3].weight = shared.weight
    analog = xb.convert_to_analog(model, CONFIG)
    assert analog[0] is analog[2]
    assert analog[3].weight is analog[0].weight
    digital = xb.convert_to_digital(analog)
    assert digital[0] is digital[2]
    assert digital[3].weight is digital[0].weight


def test_layers_left_digital_are_named_once():
    model = nn.Sequential(nn.Bilinear(5, 4, 4), nn.Linear(4, 2), nn.Bilinear(2, 2, 2))
    with pytest.warns(xb.DigitalLayerWarning, match="Bilinear") as caught:
        xb.convert_to_analog(model, CONFIG)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xb.convert_to_analog(model, CONFIG, overrides={"0": None, "2": None})


def test_analog_layers_of_a_digital_model_are_refused():
    with pytest.raises(ValueError, match="convert_to_analog"):
        xb.program_analog_weights(network())


def test_nan_weights_are_refused():
    layer = nn.Linear(3, 2)
    with torch.no_grad():
        layer.weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match="NaN"):
        xb.program_analog_weights(xb.convert_to_analog(layer, CONFIG))
