"""Presets: what they say of themselves, and what they warn about."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
import torch

import devices
from crossbar import CrossbarConfig, config_to_json

PRESETS = devices.find_presets()


@pytest.mark.parametrize("device", PRESETS.values(), ids=PRESETS.keys())
def test_a_preset_says_where_it_comes_from(device):
    assert device.name
    assert device.source
    assert device is devices.Ideal or device.validity is not None


def test_the_list_is_complete():
    table = devices.list_presets()
    assert set(table.preset.values) == set(PRESETS)
    assert {"Ideal", "FeFET", "PCM_I", "PCM_II", "RRAM", "RRAM_WAN_2022", "SONOS_2022"} <= set(PRESETS)
    wan = table.sel(preset="RRAM_WAN_2022")
    assert float(wan.g_max) == pytest.approx(40e-6)
    assert float(wan.max_time) == 172800
    assert math.isnan(float(wan.max_read_voltage))
    assert table.g_max.attrs["units"] == "S"
    assert (table.g_min < table.g_max).all()


def test_a_wider_window_than_measured_warns():
    with pytest.warns(
        devices.OutOfRangeWarning, match=r"RRAM Wan 2022.*was measured from 0 to 4e-05 S. Got 1e-06 to 0.0001"
    ):
        dataclasses.replace(devices.RRAM_WAN_2022, g_max=100e-6)


def test_targets_outside_the_measured_range_warn():
    with pytest.warns(devices.OutOfRangeWarning, match="Milo"):
        devices.program_cells(devices.RRAM_MILO_2021, torch.tensor([10e-6, 100e-6]))
    with pytest.warns(devices.OutOfRangeWarning, match="Joshi"):
        devices.program_cells(devices.PCM_JOSHI_2020, torch.tensor([0.0, 30e-6]))


def test_absent_cells_and_the_bounds_do_not_warn():
    milo = devices.RRAM_MILO_2021
    devices.program_cells(milo, torch.tensor([0.0, milo.g_min, milo.g_max]))
    devices.program_cells(milo, torch.zeros(3))


def test_only_bounds_that_were_measured_warn():
    device = devices.Device(g_min=0.0, g_max=1e-5, validity=devices.ValidityRange(g_max=1e-5))
    assert float(devices.program_cells(device, torch.zeros(3)).target.max()) == 0
    assert float(devices.conductance_at(device, devices.program_cells(device, torch.zeros(3)), 1e12).max()) == 0
    assert "measured" not in repr(device)
    assert "ValidityRange" not in repr(device)


@pytest.mark.filterwarnings("ignore::devices.OutOfRangeWarning")
def test_numbers_change_on_purpose_only():
    """Nothing else would notice a digit that changes: who corrects a number corrects it in the list too."""
    listed = json.loads((Path(__file__).parents[1] / "reference" / "presets.json").read_text())
    numbers = {name: json.loads(config_to_json(CrossbarConfig(device=device))) for name, device in PRESETS.items()}
    for name, device in listed.items():
        assert {field: numbers[name]["device"][field] for field in device} == device, name


def test_later_than_measured_warns():
    cells = devices.program_cells(devices.RRAM, torch.tensor([1e-5]))
    with pytest.warns(devices.OutOfRangeWarning, match=r"measured up to 1e\+10 s after programming. Got 1e\+11 s"):
        devices.conductance_at(devices.RRAM, cells, 1e11)


def test_a_higher_read_voltage_than_measured_warns():
    milo = devices.RRAM_MILO_2021
    devices.check_read_voltage(milo, 0.5)
    with pytest.warns(devices.OutOfRangeWarning, match="measured up to 0.5 V. Got a read voltage of 1 V"):
        devices.check_read_voltage(milo, 1.0)


def test_wan_is_right_at_40_microsiemens_and_rescaled_by_no_one():
    # The trap: a fit at 40 uS used at 25 uS. Here a narrower window is a part of the same device.
    narrow = dataclasses.replace(devices.RRAM_WAN_2022, g_max=25e-6)
    target = torch.tensor([12.5e-6], dtype=torch.float64)
    r = 12.5 / 40
    stated = (0.348 + 16.030 * r - 43.853 * r**2 + 45.393 * r**3 - 16.815 * r**4) * 1e-6
    assert float(narrow.programming.sigma(target, narrow.window)) == pytest.approx(stated, rel=1e-9)


def test_crosssim_fits_of_the_same_measurements_are_near():
    # CrossSim's own fits (uS): Wan after 1 s, and Joshi at 27 s, are of the same published figures.
    g = torch.linspace(5, 35, 7, dtype=torch.float64)
    ours = devices.RRAM_WAN_2022.programming.sigma(g * 1e-6, devices.RRAM_WAN_2022.window) * 1e6
    theirs = 1.536e-4 * g**3 - 1.167e-2 * g**2 + 0.2374 * g + 1.053
    assert torch.allclose(ours, theirs, rtol=0.2)
    g = torch.linspace(2, 24, 7, dtype=torch.float64)
    ours = devices.PCM_JOSHI_2020.programming.sigma(g * 1e-6, devices.PCM_JOSHI_2020.window) * 1e6
    theirs = -0.00178767 * g**2 + 0.07585724 * g + 0.28638599
    assert torch.allclose(ours, theirs, rtol=0.05)
