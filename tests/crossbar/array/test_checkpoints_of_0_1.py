"""Checkpoints that version 0.1.0 wrote (`tests/reference/checkpoints_0_1.safetensors`) load, and answer as they did."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import crossbar as xb
import devices
from calibration import attach_low_rank

PATH = Path(__file__).parents[2] / "reference" / "checkpoints_0_1.safetensors"
QUIET = replace(devices.RRAM, read_noise=None)
WIRES = xb.Wires(row=5.0, column=10.0, driver=100.0, sense=100.0)
MAPPING = xb.MappingConfig(weight_bits=5, cell_bits=2, rows=8, cols=6)
CONFIGS = {
    "collapsed": xb.CrossbarConfig(device=QUIET, wires=WIRES, mapping=MAPPING),
    "units": xb.CrossbarConfig(
        device=QUIET,
        wires=WIRES,
        mapping=MAPPING,
        parallel_rows=3,
        inputs=xb.InputConfig(bits=4, dac_bits=2, range="static", negative="offset"),
        adc=xb.ADC(bits=6, range="calibrated", gain_spread=0.02),
    ),
    "low rank": xb.CrossbarConfig(
        device=QUIET, mapping=replace(MAPPING, encoding="offset"), adc=xb.ADC(bits=8, range="column")
    ),
}
"""Chips at 100 s: drift compensated per column and outputs fitted; inputs and ADCs calibrated; a side path of rank 2."""


@pytest.mark.parametrize("name", CONFIGS)
def test_it_answers_as_it_did(name):
    load_file = pytest.importorskip("safetensors.torch").load_file
    stored = {key.removeprefix(f"{name}/"): value for key, value in load_file(PATH).items() if key.startswith(name)}
    x, expected = stored.pop("/x"), stored.pop("/y")
    model = xb.convert_to_analog(nn.Sequential(nn.Linear(20, 5), nn.ReLU(), nn.Linear(5, 3)), CONFIGS[name]).eval()
    if name == "low rank":
        attach_low_rank(model, rank=2)
    model.load_state_dict(stored)
    torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-4)
    assert float(model[0].array.time) == 100
    assert (model[0].array.placement.row_sign == 1).all()
