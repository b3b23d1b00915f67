"""The shorter commands: map, devices, plot, and the help of all."""

import pytest
import torch
import xarray as xr

import devices
from crossbar.command_line import main
from crossbar.command_line.chip_draws import chips_differ
from crossbar.command_line.commands import COMMANDS
from crossbar.command_line.demo import DEVICES, DemoConfig, demo_crossbar
from crossbar.command_line.study.locate import line_of
from crossbar.config import CrossbarConfig
from crossbar.converters import ADC
from crossbar.examples import digits_network

MAPPED = "crossbar.examples:digits_network"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"python -m crossbar {command}" in capsys.readouterr().out.partition("examples:")[2]


@pytest.mark.parametrize("arguments", [[], ["dance"], ["map"], ["plot"], ["sweep"], ["devices", "--colour"]])
def test_what_is_not_understood_exits_with_two(arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


def test_devices_are_listed_and_drawn(capsys, tmp_path):
    assert main(["devices"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in devices.find_presets())
    assert main(["devices", "--plot", "RRAM", "--output", str(tmp_path / "a" / "rram.png")]) == 0
    assert (tmp_path / "a" / "rram.png").stat().st_size > 20_000
    assert main(["devices", "--plot", "Flash"]) == 1
    assert "`--plot` must be one of" in capsys.readouterr().err


def test_a_mapping_is_reported_and_stored(capsys, tmp_path):
    torch.save(digits_network().state_dict(), tmp_path / "digits.pt")
    output = tmp_path / "report.nc"
    assert main(["map", MAPPED, "--checkpoint", str(tmp_path / "digits.pt"), "--digital", "10", "--input", "1", "8", "8",
                 "--set", "mapping.rows=64", "mapping.encoding=offset", "--output", str(output)]) == 0  # fmt: skip
    printed = capsys.readouterr().out
    assert "per inference" in printed
    with xr.open_dataset(output) as report:
        assert report.layer.values.tolist() == ["0", "3", "6"]
        assert f"{int(report.cells.sel(mapping='own').sum()):,}" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "mapping.rows=0"], "`rows` must be >= 1"),
        (["--set", "mapping.row=4"], "is no field of MappingConfig"),
        (["--set", "mapping.rows"], "must be FIELD=VALUE"),
        (["--checkpoint", "nowhere.pt"], "nowhere.pt is missing"),
        (["--digital", "fc"], "no layer of the model"),
    ],
)
def test_a_mapping_that_cannot_be_is_said(arguments, message, capsys):
    assert main(["map", MAPPED, *arguments]) == 1
    assert message in capsys.readouterr().err


def test_plot_says_what_it_cannot_read(capsys, tmp_path):
    (tmp_path / "text.nc").write_text("no netCDF")
    assert main(["plot", str(tmp_path / "text.nc")]) == 1
    assert "must be a netCDF file" in capsys.readouterr().err
    assert main(["plot", str(tmp_path / "nothing.nc")]) == 1
    assert "is missing" in capsys.readouterr().err


def test_chips_are_all_alike_only_where_nothing_is_drawn():
    for name in DEVICES:
        config = DemoConfig(device=name)
        assert not chips_differ(demo_crossbar(config, 0.0, 1.0))
        assert chips_differ(demo_crossbar(config, 0.1, 0.0))
    assert not chips_differ(CrossbarConfig())
    assert chips_differ(CrossbarConfig(adc=ADC(gain_spread=0.1)))
    for preset in (devices.RRAM_MILO_2021, devices.PCM_JOSHI_2020, devices.RRAM_WAN_2022):
        assert chips_differ(CrossbarConfig(device=preset))
    drifting = devices.Device(g_min=1e-6, g_max=1e-5, drift=devices.PowerLawDrift(nu=0.1, nu_spread=0.01))
    assert chips_differ(CrossbarConfig(device=drifting))


@pytest.mark.parametrize(
    ("field", "line"),
    [("a", 1), ("config.wires.row", 4), ("config.wires.sense", 3), ("config.adc.bits", 6), ("x", None)],
)
def test_lines_are_found(field, line):
    text = 'a = 1\n[config]\nwires = {}\nwires.row = 1\n[config.adc]\n"bits" = 3\n'
    assert line_of(text, field) == line
