"""Small programmed networks to count and price."""

from dataclasses import replace

import torch
from torch import nn

import crossbar as xb

WIRES = xb.Wires(row=5.0, column=10.0, driver=1e3, sense=1e3)
CONFIG = xb.CrossbarConfig(
    device=xb.devices.RRAM,
    wires=WIRES,
    mapping=xb.MappingConfig(weight_bits=8, cell_bits=4, rows=16, cols=16),
    inputs=xb.InputConfig(bits=8, dac_bits=1),
    adc=xb.ADC(bits=8),
)


def network():
    """Two convolutions and a classifier on images (3, 8, 8)."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Conv2d(6, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 10))


def programmed(model, config=CONFIG, **changes):
    """The model on a chip, in eval mode."""
    analog = xb.convert_to_analog(model, replace(config, **changes)).eval()
    xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(1))
    return analog


def images(number=3):
    """Inputs of the network, some of them zero."""
    generator = torch.Generator().manual_seed(2)
    return torch.rand(number, 3, 8, 8, generator=generator) * (torch.rand(number, 3, 8, 8, generator=generator) < 0.6)
