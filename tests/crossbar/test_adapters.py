"""Layers of other libraries, and a user's own, on crossbars."""

import copy
import pickle
import sys
import warnings

import pytest
import torch
from torch import nn

import crossbar as xb
from calibration import fit_output_affine, recovery_ladder
from tests.crossbar.library_layers import (
    Conv1D,
    ScaledStdConv2dSame,
    SpikingConv2d,
    SpikingConvTranspose1d,
    StdConv2d,
)

FINE = xb.CrossbarConfig(mapping=xb.MappingConfig(weight_bits=14, cell_bits=7), inputs=xb.InputConfig(bits=12))
LOSSY = xb.CrossbarConfig(device=xb.devices.RRAM, adc=xb.ADC(bits=8, range="full"))


class Scaled(nn.Linear):
    """A user's layer."""

    def forward(self, x):
        return 3 * super().forward(x)


class Rebuilt(nn.Module):
    """The same around a layer that can be converted."""

    def __init__(self, scaled):
        super().__init__()
        self.product = nn.Linear(scaled.in_features, scaled.out_features)
        self.product.weight, self.product.bias = scaled.weight, scaled.bias

    def forward(self, x):
        return 3 * self.product(x)


class AnalogScaled(xb.AnalogLinear):
    """The same as a layer with one matrix."""

    digital_class = Scaled

    def weight_matrix(self):
        return 3 * super().weight_matrix()

    def bias_view(self):
        return 3 * self.bias


LAYERS = {
    "hugging face conv1d": (lambda: Conv1D(5, 7), (3, 4, 7), {}),
    "timm standardised": (lambda: StdConv2d(4, 6, 3, padding=1, groups=2), (2, 4, 7, 6), {}),
    "timm scaled, padded as TensorFlow": (
        lambda: ScaledStdConv2dSame(3, 5, (3, 2), stride=2, dilation=(2, 1)),
        (2, 3, 9, 8),
        {},
    ),
    "spiking, single step": (lambda: SpikingConv2d(3, 4, 3), (2, 3, 6, 6), {}),
    "spiking, multi step": (lambda: SpikingConv2d(3, 4, 3, step_mode="m"), (5, 2, 3, 6, 6), {}),
    "spiking, transposed": (lambda: SpikingConvTranspose1d(3, 4, 3, 2, step_mode="m"), (5, 2, 3, 6), {}),
    "own layer, rebuilt": (lambda: Scaled(6, 4), (3, 6), {Scaled: Rebuilt}),
    "own layer, by name": (lambda: Scaled(6, 4), (3, 6), {f"{__name__}.Scaled": AnalogScaled}),
}


@pytest.fixture(params=LAYERS)
def case(request):
    """Return a digital model of one layer, an input, and the adapters that it needs."""
    torch.manual_seed(0)
    make, shape, adapters = LAYERS[request.param]
    return nn.Sequential(make()).eval(), torch.randn(shape), adapters


def converted(model, config, adapters):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return xb.convert_to_analog(model, config, adapters=adapters)


def programmed(model, config, adapters):
    analog = converted(model, config, adapters)
    xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(0))
    return analog


@pytest.mark.parametrize("plan", ["collapsed", "tiled"])
def test_fine_codes_on_ideal_arrays_give_the_digital_output(case, plan):
    model, x, adapters = case
    config = xb.CrossbarConfig(mapping=FINE.mapping, inputs=FINE.inputs, plan=plan)
    with torch.no_grad():
        torch.testing.assert_close(programmed(model, config, adapters)(x), model(x), rtol=3e-3, atol=3e-3)


def test_training_gives_the_gradients_of_the_digital_layer(case):
    model, x, adapters = case
    expected = torch.autograd.grad(model(x).square().sum(), list(model.parameters()))
    analog = converted(model, FINE, adapters).train()
    got = torch.autograd.grad(analog(x).square().sum(), list(analog.parameters()))
    assert [p.shape for p in analog.parameters()] == [p.shape for p in model.parameters()]
    for one, other in zip(got, expected, strict=True):
        assert (one - other).norm() <= 1e-2 * other.norm()


def test_the_very_layer_comes_back(case):
    model, x, adapters = case
    back = xb.convert_to_digital(converted(model, LOSSY, adapters))
    assert type(back[0]) is type(model[0])
    assert list(back.state_dict()) == list(model.state_dict())
    with torch.no_grad():
        assert torch.equal(back(x), model(x))


def test_twins_copies_and_fits_work(case):
    model, x, adapters = case
    analog = programmed(model, LOSSY, adapters)
    twin = xb.digital_twin(model, adapters=adapters)
    with torch.no_grad():
        torch.testing.assert_close(twin(x), model(x))
        torch.testing.assert_close(xb.digital_twin(analog)(x), model(x))
        assert torch.equal(copy.deepcopy(analog)(x), analog(x))
        before = (analog(x) - model(x)).norm()
        fit_output_affine(analog, twin, [x])
        assert (analog(x) - model(x)).norm() < before


def test_ladders_know_layers_of_ones_own():
    torch.manual_seed(0)
    model, x = nn.Sequential(Scaled(6, 4)).eval(), torch.randn(8, 6)
    batches = [(x, model(x).argmax(1))]
    result = recovery_ladder(
        model, LOSSY, batches, batches, adapters={Scaled: Rebuilt}, chips=1, ladder=[("output affine",)]
    )
    assert float(result.accuracy_digital) == 1
    assert float(result.parameters[0, 0]) == 8  # scale and offset of four outputs


def test_no_library_is_imported():
    assert not {"transformers", "timm", "spikingjelly"} & set(sys.modules)


def test_step_modes_can_be_set_after_conversion_and_come_back():
    torch.manual_seed(0)
    model, x = SpikingConv2d(3, 4, 3).eval(), torch.rand(5, 2, 3, 6, 6)
    analog = programmed(model, FINE, {})
    analog.step_mode = "m"
    model.step_mode = "m"
    with torch.no_grad():
        torch.testing.assert_close(analog(x), model(x), rtol=3e-3, atol=3e-3)
    assert xb.convert_to_digital(analog).step_mode == "m"
    with pytest.raises(ValueError, match=r"must be \(time, batch, ...\), 5 dimensions"):
        analog(x[0])


def test_adapters_that_copy_the_parameters_are_refused():
    with pytest.raises(ValueError, match=r"not copies. It lacks \['weight', 'bias'\]"):
        xb.convert_to_analog(Scaled(3, 2), FINE, adapters={Scaled: lambda scaled: nn.Linear(3, 2)})


def test_converted_models_can_be_pickled():
    x = torch.rand(3, 6)
    for adapter in (Rebuilt, AnalogScaled):
        analog = programmed(Scaled(6, 4).eval(), FINE, {Scaled: adapter})
        assert torch.equal(pickle.loads(pickle.dumps(analog))(x), analog(x))
