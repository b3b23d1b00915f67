"""Networks trained for their chip: through its wires, under its shifts, with ternary branches."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import crossbar as xb
import devices
from calibration import ResidualBranches, expand_residually, inject_output_shifts, match_output_gains
from crossbar.examples import accuracy, digits_network, load_digits, train_digits
from mapping import TernaryQuantizer, TruncatedGaussianQuantizer

WIRED = xb.CrossbarConfig(
    device=devices.Device(g_min=1e-6, g_max=1e-4),
    wires=xb.Wires(row=20.0, column=20.0, driver=500.0, sense=500.0),
    mapping=xb.MappingConfig(rows=64, cols=64, cell_bits=7),
)


def plain_network():
    """Return a network without batch norm, which would take a common gain out by itself."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))


def train(model, data, *, epochs, rate):
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    model.train()
    for _ in range(epochs):
        for images, labels in data.batches(64):
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()


def on_chip(model, data):
    xb.program_analog_weights(model, seed=0)
    return accuracy(model, data)


@pytest.fixture(scope="module")
def digits():
    train_data, test = load_digits()
    model = plain_network()
    train(model, train_data, epochs=12, rate=5e-3)
    return model, train_data, test


def test_training_through_the_wires_gives_back_what_they_take(digits):
    digital, data, test = digits
    before = on_chip(xb.convert_to_analog(digital, WIRED), test)
    model = xb.convert_to_analog(digital, WIRED)
    xb.set_training_effects(model, xb.TrainingEffects(wires=True))
    train(model, data, epochs=2, rate=5e-3)
    wanted = accuracy(digital, test)
    assert before < wanted - 0.08
    assert on_chip(model, test) > (before + wanted) / 2


def test_matched_gains_give_back_the_scale_that_wires_take_and_move_no_cell(digits):
    digital, data, test = digits
    model = xb.convert_to_analog(copy.deepcopy(digital), WIRED)
    xb.program_analog_weights(model, seed=0)
    cells = [layer.array.placement.levels for layer in xb.analog_layers(model)]
    before = accuracy(model, test)
    images = data.images[:256]
    gains = match_output_gains(model, [images[:100], images[100:]]).gain
    assert gains.layer.values.tolist() == ["1", "3"]
    assert float(gains.min()) > 1.3
    xb.program_analog_weights(model, seed=0)
    assert all(
        torch.equal(a, layer.array.placement.levels) for a, layer in zip(cells, xb.analog_layers(model), strict=True)
    )
    with torch.no_grad():
        x = images.flatten(1)
        for analog, ideal in ((model[1], digital[1]), (model[3], digital[3])):
            seen, wanted = (layer.eval()(x) - layer.bias for layer in (analog, ideal))
            torch.testing.assert_close((seen * wanted).sum(), seen.square().sum(), rtol=1e-4, atol=0)
            x = ideal(x).relu()
    assert accuracy(model, test) > before
    # Measured again on what is ideal now, the wires take as much.
    again = match_output_gains(model, [images[:100], images[100:]]).gain
    assert abs(again[0] / gains[0] - 1) < 1e-4


def test_layers_that_share_a_weight_share_their_gain(digits):
    torch.manual_seed(0)
    first, second = nn.Linear(20, 20, bias=False), nn.Linear(20, 20, bias=False)
    second.weight = first.weight
    model = xb.convert_to_analog(nn.Sequential(first, nn.ReLU(), second), WIRED)
    xb.program_analog_weights(model, seed=0)
    before = first.weight.detach().clone()
    gains = match_output_gains(model, [torch.rand(50, 20)]).gain.values
    assert gains[0] == gains[1] > 1
    torch.testing.assert_close(model[0].weight, before * gains[0])


def test_an_array_that_gives_the_contrary_is_refused():
    model = xb.convert_to_analog(nn.Sequential(nn.Linear(3, 2)), WIRED)
    xb.program_analog_weights(model, seed=0)
    with torch.no_grad():
        model[0].weight.mul_(-1)
    with pytest.warns(xb.StaleChipWarning), pytest.raises(ValueError, match="grow with the ideal ones"):
        match_output_gains(model, [torch.ones(4, 3)])


def test_injected_shifts_are_those_of_the_chip(digits):
    digital, data, test = digits
    model = xb.convert_to_analog(digital, WIRED)
    xb.program_analog_weights(model, seed=0)
    images = data.images[:256]
    report = inject_output_shifts(model, [images[:100], images[100:]])
    first = model[1]
    with torch.no_grad():
        shifts = first.eval()(images.flatten(1)) - digital[1](images.flatten(1))
    noise = first.array.config.training.noise
    torch.testing.assert_close(torch.tensor(noise.mean), shifts.mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(torch.tensor(noise.spread), shifts.std(0, correction=0), rtol=1e-3, atol=1e-5)
    # Behind it, inputs are those of ideal weights.
    with torch.no_grad():
        hidden = digital[2](digital[1](images.flatten(1)))
        behind = model[3].eval()(hidden) - digital[3](hidden)
    torch.testing.assert_close(
        torch.tensor(model[3].array.config.training.noise.mean), behind.mean(0), rtol=1e-4, atol=1e-4
    )
    assert report.layer.values.tolist() == ["1", "3"]
    assert float(report.spread.min()) > 0.01
    before = accuracy(model, test)
    train(model, data, epochs=10, rate=3e-3)
    assert on_chip(model, test) > before + 0.03


def test_a_layer_that_no_batch_reaches_is_named(digits):
    model = xb.convert_to_analog(nn.ModuleDict({"a": nn.Linear(3, 2), "b": nn.Linear(3, 2)}), WIRED)
    model.forward = lambda x: model["a"](x)
    xb.program_analog_weights(model, seed=0)
    with pytest.raises(ValueError, match="None reached b"):
        inject_output_shifts(model, [torch.ones(4, 3)])


TERNARY = xb.CrossbarConfig(
    mapping=xb.MappingConfig(weight_bits=2, cell_bits=1, rows=64, cols=64, quantizer=TruncatedGaussianQuantizer())
)


def test_ternary_training_and_branches_win_accuracy_on_one_bit_cells():
    data, test = load_digits()
    torch.manual_seed(0)
    digital = digits_network()
    train_digits(digital, data, epochs=6)
    as_rounded = on_chip(xb.convert_to_analog(digital, TERNARY), test)
    trained = xb.convert_to_analog(digital, TERNARY)
    train(trained, data, epochs=4, rate=3e-3)
    assert on_chip(trained, test) > max(as_rounded + 0.02, accuracy(digital, test) - 0.02)
    expanded = xb.convert_to_analog(expand_residually(digital, TERNARY.mapping.quantizer), TERNARY)
    assert on_chip(expanded, test) > as_rounded
    tiles = [sum(layer.array.placement.tiles for layer in xb.analog_layers(m)) for m in (trained, expanded)]
    assert tiles[1] == 2 * tiles[0]


@pytest.mark.parametrize("quantizer", [TruncatedGaussianQuantizer(), TernaryQuantizer(granularity="output")])
@pytest.mark.parametrize("layer", [nn.Conv2d(6, 40, 3, padding=1), nn.Conv1d(6, 40, 3), nn.Linear(6, 40)])
def test_branches_hold_what_those_before_leave_over(layer, quantizer):
    digital = nn.Sequential(layer)
    original = copy.deepcopy(layer)
    errors = []
    for number in (2, 3):
        expanded = expand_residually(digital, quantizer, branches=number)
        branches = expanded[0]
        assert isinstance(branches, ResidualBranches)
        assert [part.bias is None for part in branches.branches] == [False] + [True] * (number - 1)
        mapping = xb.MappingConfig(weight_bits=2, cell_bits=1, quantizer=quantizer)
        analog = xb.convert_to_analog(expanded, xb.CrossbarConfig(mapping=mapping))
        xb.program_analog_weights(analog, seed=0)
        held = sum(part.array.effective_weight for part in xb.analog_layers(analog))
        errors.append(float((held - original.weight.detach().flatten(1)).norm() / original.weight.detach().norm()))
    assert errors[1] < errors[0] < 0.3
    assert torch.equal(digital[0].weight, original.weight)


def test_layers_are_kept_by_name():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    expanded = expand_residually(model, TernaryQuantizer(), keep=["2"])
    assert isinstance(expanded[0], ResidualBranches)
    assert isinstance(expanded[2], nn.Linear)
    with pytest.raises(ValueError, match="`keep` must name layers"):
        expand_residually(model, TernaryQuantizer(), keep=["1"])
