"""Cells whose current is not proportional to their voltage, against Newton's solution of the whole circuit."""

from dataclasses import replace

import pytest
import torch

import crossbar as xb
from crossbar.array.operating_point import operating_conductance
from crossbar.parasitics import solve_crossbar, transfer_matrix
from devices import Cubic, Ohmic, OwnFunction, Sinh, Tabulated

VOLTAGE = 0.2
WIRES = xb.Wires(row=5.0, column=10.0)
GRID = tuple(0.02 * step for step in range(16))
LAWS = {
    "sinh": Sinh(v0=0.25),
    "steep": Sinh(v0=0.1),
    "cubic": Cubic(quadratic=(2e-6,), cubic=(4e-5,), g_min=1e-6, g_max=1e-3),
    "tabulated": Tabulated(
        voltages=GRID,
        conductances=(1e-6, 1e-4),
        currents=tuple(tuple(g * (v + 20 * v**3) for v in GRID) for g in (1e-6, 1e-4)),
    ),
}
ERRORS = {"sinh": 6e-3, "steep": 3e-2, "cubic": 2e-2, "tabulated": 2e-2}


def config_with(law, **fields):
    device = replace(xb.devices.Ideal, current_voltage=law)
    fields = {"wires": WIRES, "inputs": xb.InputConfig(bits=4, dac_bits=1, read_voltage=VOLTAGE), **fields}
    return xb.CrossbarConfig(device=device, **fields)


def random_cells(rows=64, cols=64):
    generator = torch.Generator().manual_seed(1)
    return 2e-6 + 18e-6 * torch.rand(1, rows, cols, generator=generator, dtype=torch.float64)


def small_signal(law, conductance):
    """Return the conductances at 0 V by bisection."""
    low, high = torch.zeros_like(conductance), 4 * conductance
    held = torch.tensor(VOLTAGE, dtype=conductance.dtype)
    for _ in range(60):
        middle = (low + high) / 2
        above = law.current(held.expand_as(middle), middle) > conductance * VOLTAGE
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    return (low + high) / 2


@pytest.mark.parametrize("name", LAWS)
def test_reads_of_random_bits_agree_with_newton(name):
    law, cells = LAWS[name], random_cells()
    generator = torch.Generator().manual_seed(2)
    bits = (torch.rand(12, 64, generator=generator) < 0.5).double() * VOLTAGE
    referee = solve_crossbar(small_signal(law, cells[0]), bits, WIRES, iv=law, tolerance=1e-9).output_currents
    operating = bits @ transfer_matrix(operating_conductance(cells, config_with(law)), WIRES)[0]
    ohmic = bits @ transfer_matrix(cells, WIRES)[0]
    size = referee.square().mean().sqrt()
    error = (operating - referee).square().mean().sqrt() / size
    assert error < ERRORS[name]
    assert error < 0.4 * (ohmic - referee).square().mean().sqrt() / size


@pytest.mark.parametrize("config", [config_with(Ohmic()), config_with(None)], ids=["ohmic law", "no law"])
def test_ohmic_cells_stay_as_they_are(config):
    cells = random_cells(8, 5).float()
    torch.testing.assert_close(operating_conductance(cells, config), cells, rtol=1e-5, atol=0)


@pytest.mark.parametrize("fields", [{}, {"parallel_rows": 8}, {"parallel_rows": 8, "undriven": "open"}])
def test_a_layer_reads_cells_at_their_operating_point(fields):
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(40, 6), torch.rand(5, 40)

    def outputs(law, wires):
        analog = xb.AnalogLinear.from_digital(layer, config_with(law, wires=wires, **fields)).eval()
        xb.program_analog_weights(analog, seed=0)
        return analog(x)

    perfect = xb.Wires()
    torch.testing.assert_close(outputs(LAWS["sinh"], perfect), outputs(None, perfect), rtol=0, atol=0)
    assert (outputs(LAWS["steep"], WIRES) - outputs(None, WIRES)).abs().max() > 1e-4


def test_fewer_driven_rows_leave_cells_more_voltage():
    law, cells = LAWS["steep"], random_cells()
    whole = operating_conductance(cells, config_with(law))
    part = operating_conductance(cells, config_with(law, parallel_rows=8))
    assert bool((part > whole).all())
    assert bool((part < cells).all())


def test_open_cells_stay_open():
    cells = random_cells(8, 8)
    cells[:, 2] = 0
    assert bool((operating_conductance(cells, config_with(LAWS["cubic"]))[:, 2] == 0).all())


def test_a_law_that_does_not_grow_with_the_conductance_is_refused():
    law = OwnFunction(law=lambda v, g: 0 * g + 1e-9 * v, derivative=lambda v, g: 0 * g + 1e-9)
    with pytest.raises(RuntimeError, match="grows with the conductance"):
        operating_conductance(random_cells(4, 4), config_with(law))


@pytest.mark.parametrize(
    "fields",
    [
        {"inputs": xb.InputConfig(bits=None)},
        {"compensation": xb.WireCompensation()},
        {"training": xb.TrainingEffects(wires=True)},
    ],
    ids=["no codes", "compensation", "training"],
)
def test_what_would_read_it_as_ohmic_is_refused(fields):
    with pytest.raises(ValueError, match=r"current_voltage|ohmic"):
        config_with(LAWS["sinh"], **fields)


def test_the_law_travels_with_the_config():
    config = config_with(LAWS["tabulated"])
    assert xb.config_from_json(xb.config_to_json(config)) == config
