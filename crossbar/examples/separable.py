"""A small depthwise-separable network for CIFAR-10, in the manner of MobileNet (arXiv 1704.04861), trained in minutes."""

import torch
import torch.nn.functional as F
from torch import nn

from crossbar.examples.evaluation import Split

_STAGES = ((32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1))


def separable_network(classes: int = 10) -> nn.Sequential:
    """Return an untrained network of a 3x3 convolution, five depthwise-separable stages and one linear layer."""
    layers = _convolution(3, 32, kernel=3, stride=2)
    for inputs, outputs, stride in _STAGES:
        layers += _convolution(inputs, inputs, kernel=3, stride=stride, groups=inputs)
        layers += _convolution(inputs, outputs, kernel=1)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(_STAGES[-1][1], classes))


def train_separable(model: nn.Module, data: Split, *, epochs: int = 8, seed: int = 0) -> None:
    """Train with Adam and cross-entropy on flipped and shifted images; the same seed gives the same network."""
    generator = torch.Generator().manual_seed(seed)
    steps_per_epoch = -(-len(data.labels) // 128)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=epochs * steps_per_epoch)
    model.train()
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(len(data.labels), generator=generator), 128):
            flip, down, right = (int(torch.randint(*bounds, (1,), generator=generator)) for bounds in _AUGMENT)
            images = torch.roll(data.images[chosen], (down, right), (2, 3))
            images = images.flip(3) if flip else images
            optimizer.zero_grad()
            F.cross_entropy(model(images), data.labels[chosen]).backward()
            optimizer.step()
            schedule.step()
    model.eval()


_AUGMENT = ((0, 2), (-2, 3), (-2, 3))
"""Bounds of flip, shift down and shift right."""


def _convolution(inputs: int, outputs: int, *, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]
