"""Fresh read noise: mean, variance and independence, in both plans."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
from devices import RelativeReadNoise

READS = 20_000
CONFIG = xb.CrossbarConfig(
    device=replace(xb.devices.RRAM, read_noise=RelativeReadNoise(ratio=0.1, draw="read"), drift=None),
    mapping=xb.MappingConfig(weight_bits=5, cell_bits=2, rows=8, cols=4),
    wires=xb.Wires(row=20.0, column=30.0, driver=200.0, sense=100.0),
)


def expected_variance(layer, x, dac_bits, bits):
    """Return the variance of one output from its cells: input power times squared attenuated cell deviation."""
    array = layer.array
    placement, device = array.placement, array.config.device
    conductance = array.cells.programmed
    transfer = xb.transfer_matrix(conductance, CONFIG.wires)
    scale = float(x.max() if x.min() >= 0 else x.abs().max()) / (2**bits - 1 if x.min() >= 0 else 2 ** (bits - 1) - 1)
    codes = (x / scale).round().abs().to(torch.int64)
    digits = [(codes >> (cycle * dac_bits)) & (2**dac_bits - 1) for cycle in range(-(-bits // dac_bits))]
    power = sum((4.0 ** (cycle * dac_bits)) * digit**2 for cycle, digit in enumerate(digits))
    total = torch.zeros(layer.out_features)
    for tile in range(placement.tiles):
        for row, source in enumerate(placement.row_index[tile].tolist()):
            for column, output in enumerate(placement.column_index[tile].tolist()):
                if source < 0 or output < 0:
                    continue
                step = (device.g_max - device.g_min) / (2 ** int(placement.column_bits[tile, column]) - 1)
                weight = float(placement.column_significance[tile, column]) * float(placement.scale) * scale / step
                sigma = 0.1 * transfer[tile, row, column]
                total[output] += power[source] * (weight * sigma) ** 2
    return total


@pytest.mark.parametrize("plan", ["collapsed", "tiled"])
@pytest.mark.parametrize("dac_bits", [1, 2, 4])
def test_mean_variance_and_independence(plan, dac_bits):
    torch.manual_seed(0)
    config = replace(CONFIG, plan=plan, inputs=xb.InputConfig(bits=4, dac_bits=dac_bits))
    layer = xb.convert_to_analog(nn.Linear(20, 3, bias=False), config).eval()
    layer.program()
    x = torch.rand(20)
    exact = xb.convert_to_analog(layer.to_digital(), replace(config, device=replace(config.device, read_noise=None)))
    xb.program_analog_weights(exact)
    with torch.no_grad():
        reads = layer(x.expand(READS, 20))
        expected = exact.eval()(x)
    variance = expected_variance(layer, x, dac_bits, 4)
    # Five standard errors of the mean, and of the variance of normal samples.
    assert ((reads.mean(0) - expected).abs() <= 5 * (variance / READS).sqrt() + 1e-6).all()
    assert ((reads.var(0) / variance - 1).abs() <= 5 * (2 / READS) ** 0.5).all()
    centred = (reads - reads.mean(0)) / reads.std(0)
    lagged = (centred[1:] * centred[:-1]).mean(0)
    assert (lagged.abs() <= 5 / READS**0.5).all()
    across = (centred.T @ centred / READS).fill_diagonal_(0)
    assert (across.abs() <= 5 / READS**0.5).all()


def test_frozen_deviation_does_not_change_from_read_to_read():
    config = replace(CONFIG, device=replace(CONFIG.device, read_noise=RelativeReadNoise(ratio=0.1, draw="programming")))
    layer = xb.convert_to_analog(nn.Linear(20, 3), config).eval()
    layer.program()
    x = torch.rand(2, 20)
    assert torch.equal(layer(x), layer(x))
    assert not torch.allclose(layer(x), layer.to_digital()(x), rtol=1e-3)
