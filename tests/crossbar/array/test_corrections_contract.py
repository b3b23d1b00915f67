"""What every correction owes: it is saved, copied, counted, put back, and dropped with the chip it was fitted to."""

import copy

import pytest
import torch
from torch import nn

import crossbar as xb
from crossbar.array import CORRECTIONS, AbstractCorrection

CONFIG = xb.CrossbarConfig(
    mapping=xb.MappingConfig(rows=4, cols=8),
    inputs=xb.InputConfig(range="static", maximum=2.0),
    adc=xb.ADC(range="calibrated"),
)
VALUES = {
    "static_range": {"bounds": torch.tensor([-3.0, 3.0])},
    "adc_steps": {"steps": torch.full((8, 3), 1e-5)},
    "drift": {"factor": torch.tensor([1.0, 1.5, 2.0])},
    "output_affine": {"scale": torch.tensor([1.0, 1.5, 2.0]), "offset": torch.tensor([0.0, 0.5, 1.0])},
    "low_rank": {"down": torch.ones(2, 6), "up": torch.ones(1, 3, 2)},
    "stuck_cells": {"place": torch.tensor([1, 8]), "value": torch.tensor([0.5, -0.5]), "size": torch.tensor([3, 6])},
}
"""Numbers of each correction for a layer of 6 inputs and 3 outputs: two row blocks, two slices, both signs."""


def fresh():
    torch.manual_seed(0)
    layer = xb.convert_to_analog(nn.Linear(6, 3), CONFIG).eval()
    xb.program_analog_weights(layer)
    layer.array.corrections["adc_steps"].steps = torch.full((8, 3), 2e-5)
    layer.array.prepare()
    return layer


def corrected(name):
    layer = fresh()
    for key, value in VALUES[name].items():
        parameter = key in layer.array.corrections[name]._parameters
        setattr(layer.array.corrections[name], key, nn.Parameter(value.clone()) if parameter else value.clone())
    layer.array.prepare()
    return layer


@pytest.fixture(params=CORRECTIONS)
def name(request):
    return request.param


@pytest.fixture
def x():
    return torch.randn(5, 6, generator=torch.Generator().manual_seed(1))


def test_every_correction_has_a_row(name):
    assert issubclass(CORRECTIONS[name], AbstractCorrection)
    assert set(VALUES) == set(CORRECTIONS)


def test_it_corrects(name, x):
    assert not torch.equal(corrected(name)(x), fresh()(x))


def test_it_survives_copies_and_checkpoints(name, x):
    layer = corrected(name)
    expected = layer(x)
    assert torch.equal(copy.deepcopy(layer)(x), expected)
    other = corrected(name)
    for key, value in VALUES[name].items():
        with torch.no_grad():
            getattr(other.array.corrections[name], key).copy_(torch.zeros_like(value))
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(x), expected)


def test_it_counts_its_numbers(name):
    assert corrected(name).array.corrections[name].numbers() == sum(value.numel() for value in VALUES[name].values())


def test_a_new_chip_drops_what_was_fitted_to_the_old_one(name):
    layer = corrected(name)
    xb.program_analog_weights(layer)
    kept = layer.array.corrections[name].numbers() > 0
    assert kept is not CORRECTIONS[name].fitted_to_chip


def test_states_are_put_back(name, x):
    layer = corrected(name)
    expected, state = layer(x), layer.array.corrections.state()
    layer.array.corrections[name].clear()
    assert layer.array.corrections[name].numbers() == 0
    layer.array.corrections.restore(state)
    layer.array.prepare()
    assert torch.equal(layer(x), expected)


def test_steps_of_other_arrays_are_dropped():
    layer = corrected("adc_steps")
    layer.array.corrections["adc_steps"].steps = torch.ones(3, 3)
    xb.program_analog_weights(layer)
    assert layer.array.corrections["adc_steps"].steps is None
