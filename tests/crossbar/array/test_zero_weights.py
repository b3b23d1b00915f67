"""Weights of zero give zero, whatever the cells that hold them do."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb

NOISY = xb.CrossbarConfig(
    device=replace(xb.devices.RRAM, programming=xb.devices.GaussianProgramming(spread=0.1)),
    wires=xb.Wires(row=5.0, column=10.0, driver=1e3, sense=1e3),
    mapping=xb.MappingConfig(weight_bits=6, cell_bits=1, rows=16, cols=8),
    inputs=xb.InputConfig(bits=4, dac_bits=2),
)
ARRANGEMENTS = {
    "dense": {},
    "released": {"release_empty": True},
    "merged": {"merge_columns": True},
    "squeezed": {"squeezed_planes": 2},
    "intra": {"slicing": "intra"},
}


def read(layer, config):
    """Return what a drifted chip of the layer gives, and what training sees, both without the bias."""
    analog = xb.convert_to_analog(layer, config).eval()
    xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(0))
    xb.drift_analog_weights(analog, 1e4)
    x = torch.randn(5, layer.in_features, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return analog(x) - layer.bias, analog.train()(x) - layer.bias


@pytest.mark.parametrize("adc", [None, xb.ADC(bits=6)], ids=["collapsed", "tiled"])
@pytest.mark.parametrize("arrangement", ARRANGEMENTS.values(), ids=ARRANGEMENTS.keys())
@pytest.mark.parametrize("encoding", ["differential", "offset", "twos_complement"])
def test_a_layer_of_zeros_gives_its_bias(encoding, arrangement, adc):
    layer = nn.Linear(20, 5)
    nn.init.zeros_(layer.weight)
    config = replace(NOISY, adc=adc, mapping=replace(NOISY.mapping, encoding=encoding, **arrangement))
    for output in read(layer, config):
        assert not output.any()


@pytest.mark.parametrize("adc", [None, xb.ADC(bits=6)], ids=["collapsed", "tiled"])
def test_a_pruned_output_gives_its_bias(adc):
    layer = nn.Linear(20, 5)
    with torch.no_grad():
        layer.weight[2] = 0
    config = replace(NOISY, adc=adc, mapping=replace(NOISY.mapping, granularity="output"))
    for output in read(layer, config):
        assert not output[:, 2].any()
        assert (output.abs().sum(0) > 0).sum() == 4
