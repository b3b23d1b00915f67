"""Small models for the fuzz test."""

import torch
from torch import nn


def linear():
    """Return two linear layers with batch norm between."""
    return nn.Sequential(nn.Linear(7, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)), (7,)


def convolution():
    """Return a convolution, batch norm and a classifier."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16, 3)
    ), (2, 4, 4)


def grouped():
    """Return a grouped and a pointwise convolution."""
    return nn.Sequential(
        nn.Conv2d(4, 6, 3, groups=2, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 3, 1), nn.Flatten()
    ), (4, 4, 4)


MODELS = {"linear": linear, "convolution": convolution, "grouped": grouped}


def build(name, seed):
    """Return a seeded model in eval mode, and two batches with signed inputs and labels for it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, shape = MODELS[name]()
        batches = [(torch.randn(6, *shape), torch.randint(0, 3, (6,))) for _ in range(2)]
    return model.eval(), batches
