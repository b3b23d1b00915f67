"""Activations with few levels: their values, their gradients, and their ranges."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import crossbar as xb
from calibration import finetune
from crossbar.spiking.quantised_activation import AbstractQuantisedActivation


def of(kind, levels, threshold):
    return kind(levels, maximum=levels * threshold).double()


@given(
    values=st.lists(st.integers(-400, 400), min_size=1, max_size=20),
    levels=st.integers(1, 20),
    exponent=st.integers(-4, 4),
)
def test_values_are_the_nearest_levels(values, levels, exponent):
    threshold = 2.0**exponent
    x = torch.tensor(values, dtype=torch.float64) / 16 * threshold
    expected = [min(max((value + 8) // 16, 0), levels) * threshold for value in values]
    assert of(xb.QuantisedReLU, levels, threshold)(x).tolist() == expected
    expected = [min(max((value + 8) // 16, -levels), levels) * threshold for value in values]
    assert of(xb.QuantisedIdentity, levels, threshold)(x).tolist() == expected


def test_the_step_has_eight_significant_bits():
    relu = xb.QuantisedReLU(15, maximum=3.3333333)
    step = float(relu.step().detach())
    assert step == pytest.approx(3.3333333 / 15, rel=2**-8)
    mantissa = torch.frexp(torch.tensor(step, dtype=torch.float64)).mantissa
    assert float(mantissa) * 256 == int(mantissa * 256)


def test_gradients_are_those_of_learned_step_sizes():
    relu = of(xb.QuantisedReLU, 4, 0.5)
    x = torch.tensor([-0.3, 0.1, 0.7, 1.24, 1.26, 5.0], dtype=torch.float64, requires_grad=True)
    with torch.enable_grad():
        by_input, by_step = torch.autograd.grad(relu(x).sum(), [x, relu.threshold])
    units = x.detach() / 0.5
    inside = (units >= 0) & (units <= 4)
    assert torch.equal(by_input, inside.double())
    codes = (units + 0.5).floor().clamp(0, 4)
    per_input = torch.where(inside, codes - units, codes)
    assert float(by_step) == pytest.approx(float(per_input.sum()) / (6 * 4) ** 0.5)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 20), nn.BatchNorm1d(20), nn.ReLU(), nn.Linear(20, 8), nn.ReLU6(), nn.Linear(8, 3))


BATCHES = [torch.randn(64, 6, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]


def test_every_relu_is_replaced_in_a_copy():
    model = network()
    quantised = xb.quantise_activations(model, BATCHES, levels=7)
    assert [type(layer) for layer in model][2] is nn.ReLU
    assert [type(layer).__name__ for layer in quantised][2::2] == ["QuantisedReLU"] * 2
    assert quantised[2].levels == 7
    assert len(quantised[2](torch.linspace(-9, 99, 5000)).unique()) == 8


def test_ranges_have_less_error_than_those_next_to_them():
    quantised = xb.quantise_activations(network(), BATCHES, levels=5).eval()
    seen = []
    handle = quantised[2].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    for batch in BATCHES:
        quantised(batch)
    handle.remove()
    x = torch.cat(seen).detach()
    best = float(quantised[2].threshold.detach())

    def error(factor):
        relu = copy.deepcopy(quantised[2])
        relu.threshold.data.fill_(best * factor)
        return float((relu(x) - x.clamp(min=0)).detach().square().mean())

    assert error(1.0) < min(error(0.7), error(1.4))


def test_levels_of_the_data_are_found():
    relu = nn.Sequential(xb.QuantisedReLU(8))
    data = torch.arange(9.0).repeat(50) * 0.25
    xb.calibrate_activations(relu, [data])
    assert torch.equal(relu(data), data)


def test_calibration_does_not_depend_on_earlier_ranges_and_keeps_modes():
    quantised = xb.quantise_activations(network(), BATCHES)
    first = [float(quantised[place].threshold.detach()) for place in (2, 4)]
    quantised[2].threshold.data.fill_(1e-3)
    quantised.train()
    xb.calibrate_activations(quantised, BATCHES)
    assert [float(quantised[place].threshold.detach()) for place in (2, 4)] == first
    assert quantised.training
    assert quantised[1].training


def test_ranges_learn():
    torch.manual_seed(0)
    x = torch.randn(256, 6)
    labels = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    quantised = xb.quantise_activations(network(), [x], levels=3)
    before = float(quantised[2].threshold.detach())
    history = finetune(quantised, [(x, labels)] * 5, {name for name, _ in quantised.named_parameters()}, epochs=4)
    assert float(history.loss[-1]) < float(history.loss[0])
    assert float(quantised[2].threshold.detach()) != before


def test_recurrent_states_are_quantised():
    torch.manual_seed(0)
    for module in (nn.GRU(4, 5), nn.LSTM(4, 5, 2, bidirectional=True), nn.RNN(4, 5, nonlinearity="relu")):
        quantised = xb.quantise_activations(nn.Sequential(module), [torch.randn(7, 3, 4)], levels=4)
        outputs, _ = quantised(torch.randn(7, 3, 4))
        activations = [m for m in quantised.modules() if isinstance(m, AbstractQuantisedActivation)]
        assert len(activations) == module.num_layers
        units = (outputs / activations[-1].step()).detach()
        torch.testing.assert_close(units, units.round(), atol=1e-4, rtol=0)
    cell = xb.quantise_activations(nn.GRUCell(4, 5), levels=2)
    assert len(cell(torch.randn(50, 4)).unique()) <= 5


def test_what_has_nothing_to_quantise_is_refused():
    with pytest.raises(ValueError, match=r"no nn\.ReLU, nn\.ReLU6 or recurrent layer"):
        xb.quantise_activations(nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(ValueError, match="no quantised activation"):
        xb.calibrate_activations(network(), BATCHES)
    with pytest.raises(ValueError, match="at least one input"):
        xb.quantise_activations(network(), [])


def test_an_activation_that_is_always_zero_keeps_its_range():
    relu = nn.Sequential(xb.QuantisedReLU(8))
    xb.calibrate_activations(relu, [-torch.ones(4, 3)])
    assert float(relu[0].threshold.detach()) == pytest.approx(1 / 8)
