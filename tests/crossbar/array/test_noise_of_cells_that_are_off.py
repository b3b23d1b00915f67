"""Noise that is there at zero conductance reaches the outputs, from cells that exist and from no others."""

import pytest
import torch

import crossbar as xb
import devices

OFFSET = 2e-7
DEVICE = devices.Device(g_min=0.0, g_max=2e-5, read_noise=devices.AffineReadNoise(slope=0.0, offset=OFFSET))


@pytest.mark.parametrize("plan", ["collapsed", "tiled"])
@pytest.mark.parametrize("wires", [xb.Wires(), xb.Wires(row=1e-3, column=1e-3)], ids=["no wires", "hardly any"])
def test_zero_weights_are_as_noisy_as_others(wires, plan):
    """Every cell has the same noise, so the spread of an output counts its cells: 2 arrays x 20 inputs, by hand."""
    mapping = xb.MappingConfig(weight_bits=5, cell_bits=4, rows=16, cols=16)
    config = xb.CrossbarConfig(device=DEVICE, wires=wires, mapping=mapping, plan=plan)
    layer = torch.nn.Linear(20, 3, bias=False)
    layer.weight.data.zero_()
    layer.weight.data[:, 0] = 1.0
    model = xb.convert_to_analog(layer, config).eval()
    xb.program_analog_weights(model)
    torch.manual_seed(0)
    outputs = model(torch.ones(4000, 20)).detach()
    weight_of_a_siemens = 1.0 / 2e-5  # the largest weight is 1, and stands for the whole window
    expected = OFFSET * weight_of_a_siemens * (2 * 20) ** 0.5
    assert torch.allclose(outputs.std(0), torch.full((3,), expected), rtol=0.06)
