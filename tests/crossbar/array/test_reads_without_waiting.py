"""On a device other than the CPU a read looks at no number: on the meta device, which has none, looking raises."""

import copy
import re
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import crossbar as xb
from devices import Cubic, RelativeReadNoise

NOISY = replace(xb.devices.RRAM, drift=None, read_noise=RelativeReadNoise(ratio=0.02, draw="read"))
CUBIC = Cubic(quadratic=(1e-7,), cubic=(1e-6,), g_min=1e-6, g_max=1e-3)
SERIAL = xb.CrossbarConfig(inputs=xb.InputConfig(dac_bits=1), adc=xb.ADC(bits=8))
READS = {
    "collapsed": xb.CrossbarConfig(),
    "collapsed, noise": xb.CrossbarConfig(device=NOISY),
    "collapsed, bit-serial noise": xb.CrossbarConfig(device=NOISY, inputs=xb.InputConfig(dac_bits=1)),
    "static range": xb.CrossbarConfig(inputs=xb.InputConfig(range="static", maximum=1.0)),
    "one range for the batch": xb.CrossbarConfig(inputs=xb.InputConfig(range="batch")),
    "collapsed, cells that are not ohmic": xb.CrossbarConfig(device=replace(NOISY, current_voltage=CUBIC)),
    "tiled, cells that are not ohmic": xb.CrossbarConfig(
        device=replace(NOISY, current_voltage=CUBIC), inputs=xb.InputConfig(dac_bits=2), adc=xb.ADC(bits=8)
    ),
    "spikes": xb.CrossbarConfig(inputs=xb.InputConfig(bits=1)),
    "tiled": replace(SERIAL, plan="tiled"),
    "tiled, noise": replace(SERIAL, device=NOISY),
    "tiled, offset inputs": replace(SERIAL, plan="tiled", inputs=xb.InputConfig(dac_bits=1, negative="offset")),
    "tiled, bipolar inputs": replace(SERIAL, plan="tiled", inputs=xb.InputConfig(dac_bits=1, negative="bipolar")),
    "tiled, errors of converters": replace(SERIAL, adc=xb.ADC(offset_spread=0.5, nonlinearity_spread=0.3)),
    "tiled, units": replace(SERIAL, plan="tiled", parallel_rows=8),
}


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize(
    ("make", "shape"), [(lambda: nn.Linear(30, 7), (5, 30)), (lambda: nn.Conv2d(3, 4, 3), (2, 3, 8, 8))]
)
def test_a_read_looks_at_no_number(name, make, shape):
    analog = xb.convert_to_analog(make(), READS[name]).eval()
    xb.program_analog_weights(analog, seed=0)
    expected = analog(torch.rand(shape).round()).shape
    with torch.no_grad():
        outputs = analog.to("meta")._read(torch.rand(shape, device="meta"))  # autocast knows no meta device
    assert outputs.shape == expected
    assert outputs.is_meta


class Operations(TorchDispatchMode):
    """Keeps the names of all operations, and of those that see a tensor off the meta device."""

    def __init__(self):
        super().__init__()
        self.names, self.elsewhere = [], []

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        result = function(*arguments, **(keywords or {}))
        self.names.append(str(function))
        tensors = [leaf for leaf in tree_leaves((arguments, keywords, result)) if isinstance(leaf, torch.Tensor)]
        if not all(tensor.is_meta for tensor in tensors):
            self.elsewhere.append(str(function))
        return result


@pytest.mark.parametrize("name", READS)
def test_a_read_can_be_captured_in_a_graph(name):
    """No tensor of the host, whose copy no capture takes, and no operation whose result has a size of its own."""
    sized = re.compile("nonzero|unique|masked_select|bincount|repeat_interleave|local_scalar|is_nonzero|equal")
    analog = xb.convert_to_analog(nn.Conv2d(3, 4, 3), READS[name]).eval()
    xb.program_analog_weights(analog, seed=0)
    analog.to("meta")
    runs = []
    for _ in range(2):
        with torch.no_grad(), Operations() as operations:
            analog._read(torch.rand(2, 3, 8, 8, device="meta"))
        assert operations.elsewhere == []
        assert [one for one in operations.names if sized.search(one)] == []
        runs.append(operations.names)
    assert runs[0] == runs[1]


@pytest.mark.parametrize("how", ["held", "loaded", "restored", "copied"])
def test_known_stuck_cells_are_corrected_without_looking(how):
    torch.manual_seed(0)
    analog = xb.convert_to_analog(nn.Linear(30, 7), READS["tiled"]).eval()
    xb.program_analog_weights(analog, seed=0)
    corrections = analog.array.corrections
    missing = torch.zeros(7, 30)
    missing[2, 5], missing[6, 29] = 0.5, -0.25
    x = torch.rand(5, 30)
    with torch.no_grad():
        expected = analog(x) + x @ missing.t()
        corrections["stuck_cells"].hold(missing)
        if how == "loaded":
            other = xb.convert_to_analog(nn.Linear(30, 7), READS["tiled"]).eval()
            other.load_state_dict(analog.state_dict())
            analog = other
        elif how == "restored":
            before = corrections.state()
            corrections["stuck_cells"].clear()
            corrections.restore(before)
        elif how == "copied":
            analog = copy.deepcopy(analog)
        torch.testing.assert_close(analog(x), expected)
        outputs = analog.to("meta")._read(torch.rand(5, 30, device="meta"))
    assert outputs.shape == expected.shape


def test_what_is_no_spike_gives_no_number_where_it_cannot_be_refused(monkeypatch):
    config = xb.CrossbarConfig(inputs=xb.InputConfig(bits=1))
    analog = xb.convert_to_analog(nn.Linear(6, 3), config).eval()
    xb.program_analog_weights(analog, seed=0)
    x = torch.tensor([[0.0, 1, 1, 0, 1, 0], [0.0, 1, 0.4, 0, 1, 0]])
    with torch.no_grad():
        expected = analog(x[:1])
        monkeypatch.setattr("crossbar.converters.inputs.at_hand", lambda values: False)
        outputs = analog(x)
    torch.testing.assert_close(outputs[:1], expected)
    assert bool(outputs[1].isnan().all())


@pytest.mark.parametrize("config", [READS["tiled"], READS["tiled, errors of converters"]])
def test_what_is_not_skipped_gives_nothing(config, monkeypatch):
    torch.manual_seed(0)
    analog = xb.convert_to_analog(nn.Linear(30, 7), config).eval()
    xb.program_analog_weights(analog, seed=0)
    x = torch.rand(6, 30) * torch.tensor([1.0, 0, 1, 0, 0, 1])[:, None]
    with torch.no_grad():
        expected = analog(x)
        for module in ("drive", "reads.tiled.engine"):
            monkeypatch.setattr(f"crossbar.array.{module}.at_hand", lambda values: False)
        torch.testing.assert_close(analog(x), expected, rtol=0, atol=1e-6)
