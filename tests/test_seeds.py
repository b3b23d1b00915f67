"""A seed stands for the generator it makes, wherever a chip is drawn."""

import copy
import inspect

import pytest
import torch
from torch import nn

import calibration
import crossbar as xb
import devices
import mapping
from devices.randomness import generator_of

NOISY = devices.Device(
    g_min=1e-6,
    g_max=1e-4,
    programming=devices.GaussianProgramming(spread=0.05),
    drift=devices.PowerLawDrift(nu=0.05, nu_spread=0.02),
    read_noise=devices.RelativeReadNoise(ratio=0.05),
)
CONFIG = xb.CrossbarConfig(device=NOISY, mapping=xb.MappingConfig(rows=8, cols=8), wires=xb.Wires(row=1.0))
BATCHES = [(torch.linspace(-1, 1, 32).reshape(4, 8), torch.tensor([0, 1, 2, 3]))]
CELLS = devices.program_cells(NOISY, torch.full((50,), 5e-5), generator=torch.Generator().manual_seed(9))


def drift(model, **source):
    xb.program_analog_weights(model, generator=torch.Generator().manual_seed(5))
    xb.drift_analog_weights(model, 1e5, **source)


def layer_drift(model, **source):
    model.program(generator=torch.Generator().manual_seed(5))
    model.drift(1e5, **source)


def products(model, **source):
    xb.program_by_products(model, xb.ProductProgramming(patterns=4, rounds=2), **source)


def masked(model, **source):
    xb.program_analog_weights(model, generator=torch.Generator().manual_seed(5))
    calibration.train_pair_mask(model, BATCHES, epochs=1, **source)


def flipped(model, **source):
    xb.program_analog_weights(model, generator=torch.Generator().manual_seed(5))
    xb.attacks.flip_cells(model, xb.attacks.random_flips(model, 4, **source), seed=1)


def searched(model, **source):
    xb.program_analog_weights(model, generator=torch.Generator().manual_seed(5))
    xb.attacks.progressive_bit_search(model, BATCHES[0], flips=2, **source)


# verb, and how it draws a chip of a model
MODEL_VERBS = {
    "program_analog_weights": lambda model, **source: xb.program_analog_weights(model, **source),
    "drift_analog_weights": drift,
    "remap_analog_weights": lambda model, **source: xb.remap_analog_weights(
        model, {"": xb.MappingConfig(rows=4, cols=8)}, **source
    ),
    "freeze_analog_weights": lambda model, **source: xb.freeze_analog_weights(model, **source),
    "compensate_wires": lambda model, **source: xb.compensate_wires(model, **source),
    "program_by_products": products,
    "attach_low_rank": lambda model, **source: calibration.attach_low_rank(model, rank=2, **source),
    "finetune_squeezed": lambda model, **source: calibration.finetune_squeezed(model, BATCHES, epochs=1, **source),
    "train_pair_mask": lambda model, **source: masked(model, **source),
    "attacks.flip_cells": flipped,
    "attacks.progressive_bit_search": searched,
    "layer.program": lambda model, **source: model.program(**source),
    "layer.drift": layer_drift,
    "array.program": lambda model, **source: model.array.program(model.weight_matrix().detach(), **source),
    "array.hold": lambda model, **source: model.array.hold(
        mapping.map_weight(model.weight_matrix().detach(), CONFIG.mapping), **source
    ),
}
CELL_VERBS = {
    "program_cells": lambda **source: devices.program_cells(NOISY, CELLS.target, **source).programmed,
    "redraw_drift": lambda **source: devices.redraw_drift(NOISY, CELLS, **source).drift_state,
    "read_conductance": lambda **source: devices.read_conductance(NOISY, CELLS, 0.0, **source),
}


def layer():
    torch.manual_seed(0)
    return xb.convert_to_analog(nn.Linear(8, 8), CONFIG)


def state_after(verb, model, **source):
    model = copy.deepcopy(model)
    torch.manual_seed(1)
    verb(model, **source)
    return {name: value for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)}


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("verb", MODEL_VERBS.values(), ids=MODEL_VERBS)
def test_a_seed_gives_the_chip_of_its_generator(verb):
    model = layer()
    expected = state_after(verb, model, generator=torch.Generator().manual_seed(3))
    assert same(state_after(verb, model, seed=3), expected)
    assert not same(state_after(verb, model, seed=4), expected)


@pytest.mark.parametrize("verb", CELL_VERBS.values(), ids=CELL_VERBS)
def test_a_seed_gives_the_cells_of_its_generator(verb):
    expected = verb(generator=torch.Generator().manual_seed(3))
    assert torch.equal(verb(seed=3), expected)
    assert not torch.equal(verb(seed=4), expected)


@pytest.mark.parametrize("verb", MODEL_VERBS.values(), ids=MODEL_VERBS)
def test_a_seed_beside_a_generator_is_refused(verb):
    model = layer()
    with pytest.raises(devices.FieldError, match="`seed` must be left out where `generator` is given"):
        verb(model, generator=torch.Generator(), seed=3)


@pytest.mark.parametrize("seed", [-1, 2**64, True])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(devices.FieldError, match="`seed` must be"):
        generator_of(None, seed)


def test_every_public_verb_with_a_generator_takes_a_seed():
    functions = {
        name: value
        for package in (devices, mapping, xb, calibration)
        for name, value in vars(package).items()
        if inspect.isfunction(value) and "generator" in inspect.signature(value).parameters
    }
    assert functions.keys() >= {*CELL_VERBS, "program_analog_weights", "attach_low_rank"}
    assert [name for name, value in functions.items() if "seed" not in inspect.signature(value).parameters] == []
    assert functions.keys() <= {*CELL_VERBS, *MODEL_VERBS}
