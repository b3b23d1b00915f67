"""Equal layers are compiled once, and nothing that happens to a chip compiles them again."""

from dataclasses import replace

import pytest
import torch
import torch._dynamo
from torch import nn

import crossbar as xb
from devices import Cubic, PowerLawDrift, RelativeReadNoise

DRIFTING = replace(
    xb.devices.Ideal, read_noise=RelativeReadNoise(ratio=0.02, draw="read"), drift=PowerLawDrift(nu=0.05)
)
CUBIC = Cubic(quadratic=(1e-7,), cubic=(1e-6,), g_min=1e-6, g_max=1e-3)
CONFIGS = {
    "collapsed": xb.CrossbarConfig(device=DRIFTING),
    "tiled": xb.CrossbarConfig(device=DRIFTING, adc=xb.ADC(bits=8), inputs=xb.InputConfig(dac_bits=1)),
    "not ohmic": xb.CrossbarConfig(device=replace(DRIFTING, current_voltage=CUBIC), wires=xb.Wires(row=1.0)),
}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(params=CONFIGS)
def model(request):
    torch.manual_seed(0)
    layers = [nn.Linear(16, 16) if place % 2 == 0 else nn.ReLU() for place in range(6)]
    analog = xb.convert_to_analog(nn.Sequential(*layers), CONFIGS[request.param]).eval()
    xb.program_analog_weights(analog, seed=0)
    torch._dynamo.reset()
    yield analog
    torch._dynamo.reset()


class Graphs:
    """A backend that counts what it is given."""

    def __init__(self):
        self.number = 0

    def __call__(self, graph, example):
        self.number += 1
        return graph.forward


def test_a_chip_that_changes_is_not_compiled_again(model):
    graphs = Graphs()
    compiled = torch.compile(model, backend=graphs, fullgraph=True)
    with torch.no_grad():
        compiled(torch.rand(4, 16))
        assert graphs.number == 1
        with torch._dynamo.config.patch(error_on_recompile=True):
            compiled(torch.rand(4, 16) - 0.5)
            xb.drift_analog_weights(model, 1e4)
            compiled(torch.rand(4, 16))
            xb.program_analog_weights(model, seed=1)
            torch.manual_seed(3)
            found = compiled(torch.ones(4, 16))
        torch.manual_seed(3)
        torch.testing.assert_close(found, model(torch.ones(4, 16)), rtol=1e-4, atol=1e-5)


def test_other_batches_are_compiled_once(model):
    graphs = Graphs()
    compiled = torch.compile(model, backend=graphs, fullgraph=True)
    with torch.no_grad():
        compiled(torch.rand(4, 16))
        compiled(torch.rand(6, 16))
        with torch._dynamo.config.patch(error_on_recompile=True):
            compiled(torch.rand(9, 16))
    assert graphs.number == 2


def test_equal_layers_share_what_is_compiled(model):
    graphs = Graphs()
    for layer in xb.analog_layers(model):
        layer.compile(backend=graphs, fullgraph=True)
    with torch.no_grad():
        model(torch.rand(4, 16))
        assert graphs.number == 1
        with torch._dynamo.config.patch(error_on_recompile=True):
            model(torch.rand(4, 16))
