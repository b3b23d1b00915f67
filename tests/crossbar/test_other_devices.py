"""What a chip is programmed, solved, read, trained and calibrated with is made on the device of its weights."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import calibration
import crossbar as xb
import devices
from crossbar.parasitics import solve_crossbar, transfer_matrix
from tests.host_tensors import made_on_the_host

WIRES = xb.Wires(row=5.0, column=10.0, driver=100.0, sense=100.0)
NOISY = replace(xb.devices.RRAM, read_noise=devices.RelativeReadNoise(ratio=0.02, draw="read"))
STUCK = replace(xb.devices.RRAM, stuck=devices.StuckCells(at_g_min=0.02, at_g_max=0.02))
SERIAL = xb.CrossbarConfig(inputs=xb.InputConfig(dac_bits=1), adc=xb.ADC(bits=8), plan="tiled")
BENT = replace(NOISY, current_voltage=devices.Sinh(v0=0.2))
CONFIGS = {
    "collapsed, wires, noise": xb.CrossbarConfig(device=NOISY, wires=WIRES),
    "tiled": SERIAL,
    "tiled, wires, units, noise": replace(SERIAL, device=NOISY, wires=WIRES, parallel_rows=8, undriven="open"),
    "analog subtraction": replace(SERIAL, adc=xb.ADC(bits=8, subtraction="analog", offset_spread=0.3)),
    "stuck cells": replace(SERIAL, device=STUCK),
    "compensated": xb.CrossbarConfig(device=STUCK, wires=WIRES, compensation=xb.WireCompensation()),
    "not ohmic": xb.CrossbarConfig(device=BENT, wires=WIRES),
    "circuits": xb.CrossbarConfig(device=BENT, wires=WIRES, plan="circuit", inputs=xb.InputConfig(bits=2)),
    "reference columns": replace(SERIAL, mapping=xb.MappingConfig(encoding="offset", reference_column=True)),
    "merged and squeezed": replace(
        SERIAL, mapping=xb.MappingConfig(squeezed_planes=3, merge_columns=True, cell_bits=1)
    ),
    "offset inputs": xb.CrossbarConfig(inputs=xb.InputConfig(negative="offset")),
    "idle cells": replace(SERIAL, mapping=xb.MappingConfig(group_packing="g_min")),
}


def test_joining_host_and_device_is_noticed():
    x = torch.rand(3)
    with made_on_the_host():
        made = torch.arange(3)
        assert float((x + made.to(x)).sum()) > 3
        assert int((x + torch.tensor(1.0)).numel()) == 3
        for join in (lambda: x + made, lambda: x[made], lambda: torch.cat([x, made.float()])):
            with pytest.raises(AssertionError, match="joins a tensor of the host"):
                join()


@pytest.mark.parametrize("convolution", [False, True])
@pytest.mark.parametrize("name", CONFIGS)
def test_the_life_of_a_chip(name, convolution):
    layer = nn.Conv2d(4, 4, 3, groups=2) if convolution else nn.Linear(30, 7)
    x = torch.rand(2, 4, 6, 6) if convolution else torch.rand(5, 30)
    analog = xb.convert_to_analog(layer, CONFIGS[name]).eval()
    with made_on_the_host():
        xb.program_analog_weights(analog, seed=0)
        xb.drift_analog_weights(analog, 100.0, seed=1)
        with torch.no_grad():
            assert not bool(analog(x).isnan().any())
        analog.train()(x).sum().backward()


def test_training_through_a_chip():
    training = xb.TrainingEffects(wires=True, stuck_cells="drawn", adc=True, time=10.0)
    analog = xb.convert_to_analog(nn.Linear(30, 7), replace(SERIAL, device=STUCK, wires=WIRES, training=training))
    x = torch.rand(5, 30)
    with made_on_the_host():
        analog.train()(x).sum().backward()


def test_batches_of_circuits():
    conductance = (torch.rand(3, 24, 20) * 1e-5 + 1e-6).requires_grad_()
    large, voltages = torch.rand(2, 130, 70) * 1e-5, torch.rand(3, 5, 24)
    with made_on_the_host():
        transfer_matrix(conductance, WIRES).sum().backward()
        transfer_matrix(large, WIRES)
        solve_crossbar(conductance, voltages, WIRES, far_voltages=voltages).output_currents.sum().backward()
        solve_crossbar(conductance.detach(), voltages, WIRES, iv=devices.Sinh(v0=0.2))
        solve_crossbar(conductance.detach(), voltages, xb.Wires(row=5.0))


def test_calibration_and_counting():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5))
    config = replace(SERIAL, device=STUCK, wires=WIRES, inputs=xb.InputConfig(range="static"))
    analog = xb.convert_to_analog(model, replace(config, adc=xb.ADC(range="calibrated"))).eval()
    x, labels = torch.rand(6, 3, 6, 6), torch.randint(0, 5, (6,))
    xb.program_analog_weights(analog, seed=0)
    with made_on_the_host():
        calibration.calibrate_input_ranges(analog, [x])
        for granularity in ("tile", "column", "model"):
            calibration.calibrate_adc_ranges(analog, [x], granularity=granularity)
        xb.drift_analog_weights(analog, 100.0)
        calibration.compensate_drift(analog)
        calibration.adapt_batchnorm(analog, [x])
        calibration.finetune_batchnorm(analog, [(x, labels)], epochs=1)
        xb.count_events(analog, x)
        xb.mapping_report(analog)
