"""Noise-aware training with plain torch optimisers."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

import crossbar as xb
from crossbar.examples import accuracy, digits_network, load_digits, train_digits
from devices import GaussianProgramming

NOISY = xb.CrossbarConfig(
    device=replace(xb.devices.Ideal, programming=GaussianProgramming(spread=0.12, relative_to="window"), drift=None)
)


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    train, test = load_digits()
    model = digits_network()
    train_digits(model, train, epochs=8)
    return model, train, test


def mean_accuracy(model, data, chips=6):
    total = 0.0
    for seed in range(chips):
        xb.program_analog_weights(model, generator=torch.Generator().manual_seed(seed))
        total += accuracy(model, data)
    return total / chips


def test_one_noisy_epoch_improves_noisy_accuracy(trained):
    digital, train, test = trained
    torch.manual_seed(0)
    before = mean_accuracy(xb.convert_to_analog(digital, NOISY), test)
    model = xb.convert_to_analog(copy.deepcopy(digital), NOISY)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    model.train()
    for images, labels in train.batches(32):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    assert before < 0.93
    assert mean_accuracy(model, test) > before + 0.02


def test_training_noise_has_the_variance_of_programmed_chips():
    torch.manual_seed(0)
    layer = xb.convert_to_analog(torch.nn.Linear(30, 20, bias=False), NOISY)
    probe = torch.eye(30)
    draws = torch.stack([layer.train()(probe).detach() for _ in range(200)])
    chips = []
    for seed in range(200):
        layer.program(generator=torch.Generator().manual_seed(seed))
        chips.append(layer.eval()(probe).detach())
    ratio = draws.var(0).mean() / torch.stack(chips).var(0).mean()
    # Programmed cells cannot go below zero conductance, which cuts the error of the many cells that rest at zero.
    assert 0.9 < float(ratio) < 2.1
