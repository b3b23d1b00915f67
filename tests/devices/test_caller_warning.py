"""Every warning points at the line of whoever uses the packages, so that each user is told."""

import dataclasses
import warnings

import pytest
import torch
from torch import nn

import crossbar as xb
import devices

DEVICE = xb.Device(g_min=1e-6, g_max=2e-5)
CONFIG = xb.CrossbarConfig(device=DEVICE)


class Product(nn.Module):
    """A model with a matrix that no layer holds, and a layer that is never called."""

    def __init__(self):
        super().__init__()
        self.used, self.unused, self.matrix = nn.Linear(3, 3), nn.Linear(3, 3), nn.Parameter(torch.rand(3, 3))

    def forward(self, x):
        return self.used(x)


def measured_for_a_second():
    return dataclasses.replace(DEVICE, validity=devices.ValidityRange(max_time=1.0, max_read_voltage=0.01))


def later():
    cells = devices.program_cells(DEVICE, torch.full((2, 2), 1e-5))
    devices.conductance_at(measured_for_a_second(), cells, 5.0)


def stale():
    model = xb.convert_to_analog(nn.Sequential(nn.Linear(3, 3)), CONFIG).eval()
    xb.program_analog_weights(model)
    with torch.no_grad():
        model[0].weight.add_(1)
    model(torch.rand(1, 3))


def report():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", xb.DigitalLayerWarning)
        model = xb.convert_to_analog(Product(), CONFIG)
    xb.mapping_report(model, torch.rand(1, 3))


def compensated():
    layer = xb.AnalogLinear(3, 3, config=dataclasses.replace(CONFIG, compensation=xb.WireCompensation()))
    xb.program_analog_weights(layer)


WARNED = {
    "stays digital": lambda: xb.convert_to_analog(Product(), CONFIG),
    "never called": report,
    "measured time": later,
    "read voltage of a config": lambda: dataclasses.replace(CONFIG, device=measured_for_a_second()),
    "replaced field": lambda: dataclasses.replace(xb.Wires(), row=5e3),
    "stale chip": stale,
    "nothing to compensate": compensated,
    "deprecated": lambda: devices.StuckCells(given=(("open", (0, 0)),)),
}


@pytest.mark.parametrize("warned", WARNED.values(), ids=WARNED)
def test_a_warning_points_at_the_line_of_the_user(warned):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warned()
    assert {warning.filename for warning in caught} == {__file__}


def test_each_user_of_a_function_is_told():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(2):
            xb.convert_to_analog(Product(), CONFIG)
        xb.convert_to_analog(Product(), CONFIG)
    assert len(caught) == 2
