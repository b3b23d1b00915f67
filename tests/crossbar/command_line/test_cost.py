"""Costs on the command line: printed by `map`, and as outputs of a study."""

import pytest
import xarray as xr

from crossbar.command_line import main
from crossbar.sweeps import load_sweep
from tests.crossbar.command_line.test_sweep import MODULE

MODEL = "crossbar.examples:digits_network"
ADC = ["--set", "adc.bits=8", "inputs.dac_bits=1"]
STUDY = """
output = "{output}"
chips = 1
[model]
name = "tiny_costs:model"
[data]
name = "tiny_costs:data"
test = 15
[config]
device = "RRAM"
mapping = {{rows = 16, cols = 16}}
adc.bits = 8
[axes]
"inputs.dac_bits" = [1, 4]
[cost]
architecture = "ISAAC_2016"
"""


def test_a_mapping_is_priced_and_stored(capsys, tmp_path):
    output = tmp_path / "report.nc"
    arguments = ["map", MODEL, "--input", "1", "8", "8", *ADC, "--cost", "ISAAC_2016", "--output", str(output)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert all(text in printed for text in ("cost on ISAAC 2016, 32 nm", "not modelled", "uniform in [0, 1)"))
    with xr.open_dataset(output.with_suffix(".cost.nc")) as cost:
        assert float(cost.energy_per_inference) > 0


def test_a_mapping_without_converters_or_inputs_has_no_price(capsys):
    assert main(["map", MODEL, "--input", "1", "8", "8", "--cost", "ISAAC_2016"]) == 1
    assert "has no converter to price" in capsys.readouterr().err
    assert main(["map", MODEL, *ADC, "--cost", "ISAAC_2016"]) == 1
    assert "Give the shape of one" in capsys.readouterr().err


@pytest.fixture
def study(tmp_path, monkeypatch):
    (tmp_path / "tiny_costs.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    def written(change=lambda text: text):
        path = tmp_path / "study.toml"
        path.write_text(change(STUDY.format(output=(tmp_path / "runs.zarr").as_posix())), encoding="utf-8")
        return path

    return written


def test_a_study_has_energy_latency_and_area(study, tmp_path):
    assert main(["sweep", str(study())]) == 0
    results = load_sweep(tmp_path / "runs.zarr")
    assert {name: results[name].attrs["units"] for name in ("energy", "latency", "area")} == {
        "energy": "J",
        "latency": "s",
        "area": "m2",
    }
    serial, wider = results.energy.isel(trial=0).values
    assert serial > wider > 0  # eight cycles, or two
    assert float(results.area.isel(trial=0).diff("inputs.dac_bits").item()) == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ISAAC_2016", "ABACUS", "cost.architecture`: must be one of"),
        ('"ISAAC_2016"', '"ISAAC_2016"\nskip_idle = "all"', "cost.skip_idle`: must be one of none, rows, arrays"),
        ('"ISAAC_2016"', '"ISAAC_2016"\nimages = 0', "cost.images"),
        ('"ISAAC_2016"', '"ISAAC_2016"\ncolour = 1', "cost.colour`: is not known"),
    ],
)
def test_mistakes_are_said(study, old, new, message, capsys):
    assert main(["sweep", str(study(lambda text: text.replace(old, new)))]) == 1
    assert message in capsys.readouterr().err
