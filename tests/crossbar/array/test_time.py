"""Moving the clock of a chip behind wires."""

from dataclasses import replace

import pytest
import torch

import crossbar as xb
import devices
from crossbar.array import programming
from devices import ExactProgramming, PowerLawDrift, RelativeReadNoise

WIRES = xb.Wires(row=5.0, column=10.0, driver=1e3, sense=1e3)
CELLS = replace(devices.RRAM, drift=None, read_noise=None)
STILL = {
    "no drift": CELLS,
    "noise drawn once": replace(CELLS, read_noise=RelativeReadNoise(ratio=0.1, draw="programming")),
    "nothing moves yet": replace(CELLS, drift=devices.RRAM_WAN_2022.drift),
}
MOVING = {
    "drift": replace(CELLS, drift=PowerLawDrift(nu=0.04)),
    "fresh noise, which may grow": replace(CELLS, read_noise=RelativeReadNoise(ratio=0.1)),
}


@pytest.fixture
def solved(monkeypatch):
    """Number of arrays solved so far, in a list of one."""
    count, solve = [0], programming.transfer_matrix

    def counting(conductance, *args, **settings):
        count[0] += len(conductance)
        return solve(conductance, *args, **settings)

    monkeypatch.setattr(programming, "transfer_matrix", counting)
    return count


def programmed(device):
    torch.manual_seed(0)
    config = xb.CrossbarConfig(device=device, wires=WIRES, mapping=xb.MappingConfig(rows=16, cols=16))
    layer = xb.AnalogLinear.from_digital(torch.nn.Linear(20, 10), config).eval()
    layer.program(seed=1)
    return layer


@pytest.mark.parametrize("device", STILL.values(), ids=STILL.keys())
def test_cells_that_stand_still_are_not_solved_again(device, solved):
    layer = programmed(device)
    weight, before = layer.array.effective_weight.clone(), solved[0]
    assert before > 0
    layer.drift(1.0)
    assert float(layer.array.time) == 1.0
    assert solved[0] == before
    assert torch.equal(layer.array.effective_weight, weight)
    layer.array.set_time(1.0)
    assert solved[0] > before
    assert torch.equal(layer.array.effective_weight, weight)


@pytest.mark.parametrize("device", MOVING.values(), ids=MOVING.keys())
def test_what_moves_is_solved_again_once_for_a_time(device, solved):
    layer = programmed(device)
    before = solved[0]
    layer.drift(1e4)
    after = solved[0]
    assert after > before
    layer.drift(1e4)
    assert solved[0] == after


def test_drift_drawn_anew_is_solved_again_at_the_same_time(solved):
    device = replace(CELLS, programming=ExactProgramming(), drift=devices.CMO_HFOX_2_PERCENT.drift)
    layer = programmed(device)
    layer.drift(1e4)
    weight, before = layer.array.effective_weight.clone(), solved[0]
    layer.drift(1e4, seed=5)
    assert solved[0] > before
    assert not torch.equal(layer.array.effective_weight, weight)
