"""Studies from one file: they run, resume, and say where a mistake is."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import xarray as xr

from crossbar.command_line import main
from crossbar.command_line.study import config_from_table, merged, nested
from crossbar.sweeps import load_sweep

MODULE = """
import torch
from torch import nn

def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))

def data():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(60, 6, generator=generator)
    with torch.random.fork_rng():
        labels = model().eval()(images).argmax(1)
    return (images[:40], labels[:40]), (images[40:], labels[40:])

number = 3
"""
STUDY = """
output = "{output}"
chips = 2
time = 60.0
[model]
name = "tiny_study:model"
digital = ["3"]
[data]
name = "tiny_study:data"
test = 15
[config]
device = "RRAM"
mapping = {{rows = 16, cols = 16}}
adc.bits = 8
[axes]
"device.read_noise.ratio" = [0.0, 0.2]
calibration = ["none", "compensate_drift + adapt_batchnorm"]
technology = ["ideal", "wired"]
[named.technology]
ideal = {{}}
wired = {{wires = {{row = 5.0, driver = 100.0}}}}
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return a function that writes a study with replacements, beside the module that it names."""
    (tmp_path / "tiny_study.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(*replacements):
        text = STUDY.format(output=tmp_path / "runs" / "study.zarr").lstrip()
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "study.toml"
        path.write_text(text)
        return path

    return write


def test_a_study_runs_resumes_and_is_plotted(study, tmp_path, capsys):
    pytest.importorskip("zarr", reason="needs zarr")
    path, store = study(), tmp_path / "runs" / "study.zarr"
    assert main(["sweep", str(path), "--check"]) == 0
    assert "2 x 2 x 2 x 2" in capsys.readouterr().out
    assert main(["sweep", str(path)]) == 0
    printed = capsys.readouterr()
    assert "digital accuracy 100.0%" in printed.out
    assert "point" in printed.err
    first = load_sweep(store)
    assert first.accuracy.dims == ("device.read_noise.ratio", "calibration", "technology", "trial")
    assert first.accuracy.notnull().all()
    assert main(["sweep", str(path)]) == 0
    xr.testing.assert_identical(load_sweep(store), first)
    picture = tmp_path / "picture.svg"
    assert main(["plot", str(store), "--lines", "calibration", "--select", "technology=wired",
                 "--output", str(picture)]) == 0  # fmt: skip
    assert picture.stat().st_size > 5_000
    capsys.readouterr()
    assert main(["plot", str(store), "--output", str(picture)]) == 0
    assert (
        "accuracy over device.read_noise.ratio; a line for each calibration; at technology=ideal"
        in capsys.readouterr().out
    )


MISTAKES = [
    (("chips = 2", "chips = 0"), 2, "`chips` must be >= 1"),
    (("chips = 2", "chip = 2"), 2, "`chip`: is not known"),
    (("time = 60.0", "time = -1.0"), 3, "`time` must be >= 0"),
    (('name = "tiny_study:model"', 'name = "tiny_study:models"'), 5, "cannot import"),
    (('name = "tiny_study:model"', 'name = "resnet"'), 5, "digits, resnet20"),
    (('name = "tiny_study:model"', 'name = "tiny_study:number"'), 5, "function without arguments"),
    (('name = "tiny_study:model"', 'name = "tiny_study:data"'), 5, "must return an nn.Module"),
    (('digital = ["3"]', 'digital = ["fc"]'), 6, "no layer of the model"),
    (('digital = ["3"]', 'checkpoint = "nowhere.pt"'), 6, "is missing"),
    (('name = "tiny_study:data"', 'name = "tiny_study:model"'), 8, "must return ((images, labels)"),
    (("test = 15", "test = 0"), 9, "`data.test` must be >= 1"),
    (('device = "RRAM"', 'device = "Flash"'), 11, "must be one of"),
    (("rows = 16", "rows = -1"), 12, "`rows` must be >= 1"),
    (("rows = 16", "row = 16"), 12, "is no field of MappingConfig"),
    (("adc.bits = 8", "adc.bits = 0"), 13, "`bits` must be in [1, 24]"),
    (("[0.0, 0.2]", "[0.0, -0.2]"), 15, "`ratio` must be >= 0"),
    (("[0.0, 0.2]", "[]"), 15, "at least one value"),
    (('"device.read_noise.ratio"', '"device.noise.ratio"'), 15, "is no field of Device"),
    (("adapt_batchnorm", "adapt_batchnorms"), 16, "names joined by +"),
    (('["ideal", "wired"]', '["ideal", "wireless"]'), 17, "no table [named.technology.wireless]"),
    (("row = 5.0", "row = -5.0"), 20, "`row` must be >= 0"),
    (("[axes]", "[axes"), None, "not valid TOML"),
    (("rows = 16", "rows = 1000000000"), 12, "`rows` must be <= 65536"),
    (("compensate_drift + ", "calibrate_adc_ranges + "), 16, "does not apply at device.read_noise.ratio=0.0"),
    (('/runs/study.zarr"', '/../study.zarr"'), 1, "must lie in the folder of the study"),
]


@pytest.mark.parametrize(("replacement", "line", "message"), MISTAKES, ids=lambda item: str(item)[:30])
def test_a_mistake_is_reported_with_its_line(replacement, line, message, study, capsys):
    path = study(replacement)
    assert main(["sweep", str(path), "--check"]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert (f"study.toml, line {line}:" in said) if line else ("line 14" in said)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"output = '\xe4'", "not UTF-8 at byte 10"),
        (b"chips = " + 5000 * b"[", "nested too deeply"),
        (b"\xff\xfeo\x00", "not UTF-8 at byte 0"),
    ],
)
@pytest.mark.parametrize("command", [["sweep"], ["map", "tiny_study:model", "--config"]])
def test_files_that_are_no_toml_are_said(command, content, message, study, tmp_path, capsys):
    (tmp_path / "wrong.toml").write_bytes(content)
    assert main([*command, str(tmp_path / "wrong.toml")]) == 1
    assert message in capsys.readouterr().err


def test_status_resume_and_extend(study, tmp_path, capsys):
    path = study()
    for option in ("--status", "--resume", "--extend"):
        assert main(["sweep", str(path), option]) == 1
    assert "There are none at" in capsys.readouterr().err
    assert main(["sweep", str(path)]) == 0
    capsys.readouterr()
    assert main(["sweep", str(path), "--status"]) == 0
    assert "8 of 8 points, 16 of 16 chips\nlast word of a worker" in capsys.readouterr().out
    larger = study(("chips = 2", "chips = 3"), ("[0.0, 0.2]", "[0.0, 0.1, 0.2]"))
    assert main(["sweep", str(larger), "--resume"]) == 1
    assert "holds another one" in capsys.readouterr().err
    before = load_sweep(tmp_path / "runs" / "study.zarr")
    assert main(["sweep", str(larger), "--extend"]) == 0
    after = load_sweep(tmp_path / "runs" / "study.zarr")
    assert after.accuracy.shape == (3, 2, 2, 3)
    xr.testing.assert_equal(after.sel({"device.read_noise.ratio": [0.0, 0.2], "trial": [0, 1]}), before)


def test_an_output_elsewhere_needs_its_flag(study, tmp_path, capsys):
    elsewhere = study(("/runs/study.zarr", "/../elsewhere.zarr"))
    assert main(["sweep", str(elsewhere)]) == 1
    assert "unless --output-anywhere is given" in capsys.readouterr().err
    assert main(["sweep", str(elsewhere), "--check", "--output-anywhere"]) == 0


@pytest.mark.parametrize("workers", ["0", "2"])
def test_ctrl_c_says_one_line(workers, study, tmp_path):
    path = study(("chips = 2", "chips = 100000"))
    process = subprocess.Popen(
        [sys.executable, "-m", "crossbar", "sweep", str(path), "--workers", workers],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    journal = tmp_path / "runs" / "study.zarr" / "jobs" / "journal"
    while not list(journal.glob("*")):
        assert process.poll() is None
        time.sleep(0.05)
    # Ctrl-C in a terminal reaches every process in the foreground.
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    last = said.replace("\r", "\n").rstrip().splitlines()[-1]
    assert last == "interrupted; a sweep goes on where it stopped when the same line is run again"
    assert "Traceback" not in said


def test_a_missing_file_is_said(capsys, tmp_path):
    assert main(["sweep", str(tmp_path / "nothing.toml")]) == 1
    assert "nothing.toml is missing" in capsys.readouterr().err


def test_tables_make_new_parts_and_take_parts_away():
    table = {"device": {"preset": "RRAM", "read_noise": "none", "programming": {"type": "GaussianProgramming",
             "spread": 0.1, "relative_to": "window"}}, "adc": {"bits": 6}}  # fmt: skip
    config = config_from_table(merged(table, nested({"adc.range": "column", "wires.row": 2.0})))
    assert config.device.read_noise is None
    assert config.device.programming.spread == 0.1
    assert (config.adc.bits, config.adc.range, config.wires.row) == (6, "column", 2.0)
