"""Reads that solve the circuit of every pulse, against products where those are exact, and against the circuit itself."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
from crossbar.parasitics import solve_crossbar
from devices import LognormalProgramming, RelativeReadNoise, Sinh

WIRES = xb.Wires(row=5.0, column=10.0, driver=300.0, sense=200.0)
CONFIG = xb.CrossbarConfig(
    device=xb.Device(g_min=2e-6, g_max=5e-5),
    wires=WIRES,
    mapping=xb.MappingConfig(rows=12, cols=8, weight_bits=4, cell_bits=3),
    inputs=xb.InputConfig(bits=4, dac_bits=2),
    adc=xb.ADC(bits=10),
)
VARIANTS = {
    "plain": {},
    "without converters": {"adc": None},
    "bipolar": {"inputs": xb.InputConfig(bits=4, negative="bipolar")},
    "offset inputs": {"inputs": xb.InputConfig(bits=4, negative="offset")},
    "pairs on word lines": {"mapping": replace(CONFIG.mapping, pairs="word_lines")},
    "subtracted before the converter": {"adc": xb.ADC(bits=10, subtraction="analog")},
    "errors of converters": {"adc": xb.ADC(bits=10, gain_spread=0.02, offset_spread=1.0)},
    "no wires": {"wires": xb.Wires()},
    "reference columns": {"mapping": replace(CONFIG.mapping, encoding="offset", reference_column=True)},
    "squeezed rows": {"mapping": replace(CONFIG.mapping, cell_bits=1, squeezed_planes=1)},
}


def outputs_of(layer, x, config):
    analog = xb.convert_to_analog(layer, config).eval()
    xb.program_analog_weights(analog, seed=0)
    with torch.no_grad():
        return analog(x)


@pytest.mark.parametrize("name", VARIANTS)
def test_ohmic_cells_are_read_as_by_products(name):
    torch.manual_seed(0)
    layer, x = nn.Linear(20, 6).double(), torch.randn(5, 20).double()
    x[1] = 0
    config = replace(CONFIG, **VARIANTS[name])
    solved, tiled = (outputs_of(layer, x, replace(config, plan=plan)) for plan in ("circuit", "tiled"))
    torch.testing.assert_close(solved, tiled, rtol=1e-5, atol=1e-6)


def test_convolutions_with_groups_too():
    torch.manual_seed(0)
    layer, x = nn.Conv2d(4, 6, 3, groups=2, padding=1).double(), torch.randn(2, 4, 4, 4).double()
    config = replace(CONFIG, adc=None, mapping=replace(CONFIG.mapping, rows=32, group_packing="g_min"))
    solved, tiled = (outputs_of(layer, x, replace(config, plan=plan)) for plan in ("circuit", "tiled"))
    torch.testing.assert_close(solved, tiled, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("law", [Sinh(v0=0.1), None])
def test_every_pulse_is_that_of_the_circuit(law):
    mapping = xb.MappingConfig(encoding="offset", weight_bits=4, cell_bits=4, rows=16, cols=16)
    device = xb.Device(g_min=2e-6, g_max=5e-5, programming=LognormalProgramming(log_spread=0.2), current_voltage=law)
    inputs = xb.InputConfig(bits=4, read_voltage=0.3)
    config = replace(CONFIG, device=device, mapping=mapping, inputs=inputs, adc=None, plan="circuit")
    analog = xb.AnalogLinear.from_digital(nn.Linear(16, 16).double(), config).eval()
    xb.program_analog_weights(analog, seed=0)
    array, placement = analog.array, analog.array.placement
    codes = torch.randint(0, 16, (6, 16), generator=torch.Generator().manual_seed(1)).double()
    cells = array.programmed[0].double()
    full = torch.full_like(cells, 0.3)
    small = cells if law is None else cells * cells * full / law.current(full, cells)
    rows, columns = placement.row_index[0].long(), placement.column_index[0].long()
    referee = solve_crossbar(small, codes[:, rows] / 15 * 0.3, WIRES, iv=law, tolerance=1e-10).output_currents
    worth = 15 / device.window.span * 15 / 0.3 * placement.scale
    found = array.read_vectors(codes, digital=False)
    torch.testing.assert_close(found[:, columns], referee * worth, rtol=1e-6, atol=1e-8)


def test_noise_is_that_of_the_tiled_read():
    device = replace(CONFIG.device, read_noise=RelativeReadNoise(ratio=0.1, draw="read"))
    torch.manual_seed(0)
    layer, x = nn.Linear(12, 3), torch.rand(1, 12).expand(600, 12)
    spreads = []
    for plan in ("circuit", "tiled"):
        config = replace(CONFIG, device=device, adc=None, inputs=xb.InputConfig(bits=4), plan=plan)
        spreads.append(outputs_of(layer, x, config).std(0))
    torch.testing.assert_close(*spreads, rtol=0.15, atol=0)


def test_a_checkpoint_and_a_gradient():
    torch.manual_seed(0)
    config = replace(CONFIG, plan="circuit")
    analog = xb.convert_to_analog(nn.Linear(12, 3), config).eval()
    xb.program_analog_weights(analog, seed=0)
    other = xb.convert_to_analog(nn.Linear(12, 3), config).eval()
    other.load_state_dict(analog.state_dict())
    x = torch.rand(2, 12, requires_grad=True)
    torch.testing.assert_close(other(x), analog(x), rtol=0, atol=0)
    analog(x).sum().backward()
    assert bool(x.grad.any())


@pytest.mark.parametrize("fields", [{"parallel_rows": 4}, {"inputs": xb.InputConfig(bits=None), "adc": None}])
def test_what_it_cannot_solve_is_refused(fields):
    with pytest.raises(ValueError, match="plan='circuit'"):
        replace(CONFIG, plan="circuit", **fields)
