"""Noise that training injects: its distribution, its gradients, and what learns."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb

PLAIN = xb.TrainingEffects(quantizer=False, inputs=False)
SHIFT = xb.OutputShift(mean=(0.5, -0.5, 0.0), spread=(0.1, 0.2, 0.0))
NOISES = (xb.ChannelNoise(ratio=0.1), xb.ChannelNoise(clean_gradient=False), xb.LearnedNoise(), SHIFT)


def made(noise, layer=None, training=PLAIN):
    torch.manual_seed(0)
    layer = nn.Linear(5, 3) if layer is None else layer
    return xb.convert_to_analog(layer, xb.CrossbarConfig(training=replace(training, noise=noise))).train()


def weight_noise(noise):
    """Return a wide layer and one draw of the noise on each of its weights, (inputs, outputs)."""
    layer = made(noise, nn.Linear(4000, 3))
    probe = torch.eye(4000)
    with torch.no_grad():
        return layer, layer(probe) - (probe @ layer.weight.t() + layer.bias)


@pytest.fixture(params=NOISES, ids=lambda noise: type(noise).__name__)
def noise(request):
    return request.param


def test_it_is_fresh_in_training_and_absent_in_reads(noise):
    layer = made(noise)
    x = torch.randn(4, 5)
    assert not torch.equal(layer(x), layer(x))
    xb.program_analog_weights(layer, seed=0)
    assert torch.equal(layer.eval()(x), layer(x))


def test_it_travels(noise):
    config = xb.CrossbarConfig(training=xb.TrainingEffects(noise=noise))
    assert xb.config_from_json(xb.config_to_json(config)) == config
    layer = made(noise)
    other = copy.deepcopy(layer)
    other.load_state_dict(layer.state_dict())
    torch.manual_seed(1)
    expected = layer(torch.ones(2, 5))
    torch.manual_seed(1)
    assert torch.equal(other(torch.ones(2, 5)), expected)


def test_it_acts_beside_cells_and_convolutions(noise):
    config = xb.CrossbarConfig(
        wires=xb.Wires(row=5.0), training=xb.TrainingEffects(wires=True, noise=noise), adc=xb.ADC(bits=8)
    )
    layer = xb.convert_to_analog(nn.Conv2d(2, 3, 3), config).train()
    x = torch.randn(2, 2, 5, 5, requires_grad=True)
    assert not torch.equal(layer(x), layer(x))
    layer(x).sum().backward()
    assert layer.weight.grad.abs().sum() > 0
    assert x.grad.abs().sum() > 0


def test_channel_noise_is_relative_to_the_largest_weight_of_each_output():
    layer, deviations = weight_noise(xb.ChannelNoise(ratio=0.1))
    wanted = 0.1 * layer.weight.detach().abs().amax(1)
    torch.testing.assert_close(deviations.std(0), wanted, rtol=0.04, atol=0)  # 3.6 standard errors
    assert (deviations.mean(0) / wanted).abs().max() < 0.06


def test_clean_gradients_go_back_through_the_weights_without_noise():
    x = torch.randn(4, 5, requires_grad=True)
    for clean in (True, False):
        layer = made(xb.ChannelNoise(ratio=0.5, clean_gradient=clean))
        (gradient,) = torch.autograd.grad(layer(x).sum(), x)
        wanted = layer.weight.sum(0).expand_as(x)
        assert torch.allclose(gradient, wanted, atol=1e-6) is clean
        (own,) = torch.autograd.grad(layer(x).sum(), layer.weight)
        torch.testing.assert_close(own, x.sum(0).expand(3, 5))


def test_learned_noise_has_a_parameter_with_the_gradient_of_finite_differences():
    wide, deviations = weight_noise(xb.LearnedNoise(initial_factor=0.5))
    wanted = 0.5 * float(wide.weight.detach().std(correction=0))
    assert float(deviations.std()) == pytest.approx(wanted, rel=0.025)
    layer = made(xb.LearnedNoise(initial_factor=0.5)).double()
    (factor,) = (p for name, p in layer.named_parameters() if name.endswith("noise_factor"))
    x = torch.randn(4, 5, dtype=torch.float64)

    def value():
        torch.manual_seed(2)
        return layer(x).square().sum()

    value().backward()
    with torch.no_grad():
        factor += 1e-6
        above = value()
        factor -= 2e-6
        below = value()
    assert float(factor.grad) == pytest.approx(float(above - below) / 2e-6, rel=1e-6)


def test_nothing_learns_where_no_noise_does(noise):
    found = [name for name, _ in made(noise).named_parameters()]
    assert ("array.noise_factor" in found) is (noise.initial_factor is not None)


@pytest.mark.parametrize(
    "module", [nn.Linear(5, 3), nn.Conv1d(5, 3, 1), nn.Conv3d(5, 3, 1)], ids=lambda m: type(m).__name__
)
def test_output_shifts_have_their_mean_and_spread(module):
    layer = made(SHIFT, module)
    x = torch.zeros(8000, 5, *(1,) * (module.weight.ndim - 2))
    with torch.no_grad():
        outputs = layer(x).flatten(1) - layer.bias
    torch.testing.assert_close(outputs.mean(0), torch.tensor(SHIFT.mean), rtol=0, atol=0.01)
    torch.testing.assert_close(outputs.std(0), torch.tensor(SHIFT.spread), rtol=0.03, atol=1e-6)


def test_shifts_of_other_outputs_are_refused():
    with pytest.raises(ValueError, match="`spread` must hold 2"):
        xb.OutputShift(mean=(0.0, 0.0), spread=(1.0,))


def test_what_was_learned_stays_while_the_noise_does():
    layer = made(xb.LearnedNoise())
    with torch.no_grad():
        layer.array.noise_factor.fill_(0.7)
    xb.set_training_effects(layer, xb.TrainingEffects(noise=xb.LearnedNoise()))
    assert layer.array.noise_factor.item() == pytest.approx(0.7)
    xb.set_training_effects(layer, xb.TrainingEffects(noise=xb.LearnedNoise(initial_factor=0.1)))
    assert layer.array.noise_factor.item() == pytest.approx(0.1)
    xb.set_training_effects(layer, xb.TrainingEffects())
    assert layer.array.noise_factor is None
