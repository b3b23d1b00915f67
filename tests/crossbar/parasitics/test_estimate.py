import pytest
import torch

from crossbar.parasitics import ir_drop_estimate, transfer_matrix
from devices import Wires
from tests.crossbar.parasitics.wire_arrays import random_array

# Relative rms error of the currents: the docstring's table.
STATED = {(32, 1.0): 1.9e-6, (64, 10.0): 1.8e-3, (128, 1.0): 2.0e-4, (128, 10.0): 1.1e-2}


@pytest.mark.parametrize("size_and_ohms", STATED)
def test_stated_error(size_and_ohms):
    size, ohms = size_and_ohms
    conductance, wires = random_array(size, size), Wires(row=ohms, column=ohms)
    voltages = torch.rand(256, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    exact = voltages @ transfer_matrix(conductance, wires)
    error = voltages @ ir_drop_estimate(conductance, wires) - exact
    assert float(error.norm() / exact.norm()) == pytest.approx(STATED[size_and_ohms], rel=0.3)


def test_exact_to_first_order():
    conductance = random_array(9, 7)
    wires = Wires(row=1e-3, column=2e-3, driver=3e-3, sense=1e-3)
    loss = conductance - transfer_matrix(conductance, wires)
    estimated = conductance - ir_drop_estimate(conductance, wires)
    assert torch.allclose(estimated, loss, rtol=1e-5, atol=0)


def test_coupling():
    conductance = torch.full((2, 64, 64), 2e-5)
    assert Wires(row=5.0, column=5.0).coupling(conductance).tolist() == pytest.approx([5 * 2e-5 * 64**2] * 2)
    rectangle = torch.full((8, 4), 1e-5)
    wires = Wires(row=2.0, column=3.0, driver=100.0, sense=50.0)
    assert float(wires.coupling(rectangle)) == pytest.approx(1e-5 * (16 + 96 + 400 + 400))


def test_bad_arguments():
    with pytest.raises(ValueError, match="`conductance` must be >= 0"):
        ir_drop_estimate(-torch.ones(2, 2), Wires(row=1.0))
