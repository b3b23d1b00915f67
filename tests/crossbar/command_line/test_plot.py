"""`plot` shows every study that `sweep` makes, chooses what is left open, and says so in options."""

import shlex
import tomllib

import numpy as np
import pytest

from crossbar.command_line import main
from crossbar.command_line.commands import plot, sweep
from crossbar.command_line.plot_choice import choose
from crossbar.command_line.study.specification import parse_study
from crossbar.sweeps import Sweep

RATIO, LINES = "device.read_noise.ratio", "calibration"
AXES = {
    "none": {},
    "one value": {RATIO: [0.1]},
    "one text": {"technology": ["ideal", "real"]},
    "one number": {"wires.row": [1.0, 5.0, 10.0]},
    "two texts": {"technology": ["ideal", "real"], LINES: ["none", "adapt_batchnorm"]},
    "booleans": {"inputs.flag": [True, False], RATIO: [0.0, 0.1]},
    "many values": {"wires.row": list(range(1, 10)), "wires.column": list(range(1, 12))},
    "four axes": {
        RATIO: [0.0, 0.1],
        LINES: ["none", "adapt_batchnorm"],
        "time": [1.0, 100.0],
        "technology": ["a", "b"],
    },
}


def point(parameters, *, generator):
    return {"accuracy": 0.5}


def technology_point(parameters, *, generator):
    return {"accuracy": 0.9 if parameters["technology"] == "ideal" else 0.7}


def stored(folder, axes):
    made = Sweep(axes=axes, outputs={"accuracy": {"units": "1"}}, trials=2)
    return made.run(point, folder)


@pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
def test_every_study_is_plotted(axes, tmp_path, capsys):
    stored(tmp_path / "s.zarr", axes)
    assert main(["plot", str(tmp_path / "s.zarr")]) == 0
    assert (tmp_path / "s.png").stat().st_size > 5_000
    assert capsys.readouterr().out.startswith("accuracy over ")


def test_the_examples_of_plot_work_on_the_study_of_sweep(tmp_path, monkeypatch, capsys):
    text = sweep.EXAMPLES.partition("study.toml:\n")[2]
    study = parse_study(tomllib.loads("\n".join(line[2:] for line in text.splitlines())))
    monkeypatch.chdir(tmp_path)
    stored(tmp_path / study.output, study.axes)
    examples = [line.split("  ")[1] for line in plot.EXAMPLES.splitlines() if study.output in line]
    assert len(examples) >= 4
    for example in examples:
        arguments = shlex.split(example)
        assert arguments[:4] == ["python", "-m", "crossbar", "plot"]
        assert main([*arguments[3:]]) == 0, example


def test_what_is_left_open_is_chosen_and_told(tmp_path):
    results = stored(tmp_path / "s.zarr", AXES["four axes"])
    choice = choose(results, variable=None, x=None, lines=None, y=None)
    assert (choice.variable, choice.x, choice.lines, choice.y) == ("accuracy", RATIO, LINES, None)
    assert choice.said == (
        f"accuracy over {RATIO}; a line for each {LINES}; at time=1.0 (--select time=VALUE for 100.0); "
        "at technology=a (--select technology=VALUE for b)"
    )
    assert choice.results["time"].attrs["units"] == "s"
    rows = choose(stored(tmp_path / "r.zarr", AXES["one number"]), variable=None, x=None, lines=None, y=None)
    assert rows.results["wires.row"].attrs["units"] == "ohm"
    assert np.isfinite(rows.results.accuracy).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--x", "row"], "--x must be one of device.read_noise.ratio, calibration"),
        (["--lines", "trial"], "--lines must be one of"),
        (["--y", "wires"], "--y must be one of"),
        (["--x", "time", "--y", "time"], "must name different axes"),
        (["--variable", "f1"], "--variable must be one of accuracy"),
        (["--log"], "--log needs numbers > 0 along x"),
        (["--x", "technology", "--log"], "--log needs numbers > 0"),
        (["--y", "time", "--log"], "has no --lines and no --log"),
        (["--budget", "0.9"], "--budget draws a contour on a heat map. Give --y too"),
        (["--x", "time", "--y", "calibration", "--budget", "0.9"], "--budget must part the means that are shown"),
        (["--select", "time"], "--select must be AXIS=VALUE"),
        (["--select", "time=3"], "--select time must be one of 1.0, 100.0"),
    ],
)
def test_errors_name_options(arguments, message, tmp_path, capsys):
    stored(tmp_path / "s.zarr", AXES["four axes"])
    assert main(["plot", str(tmp_path / "s.zarr"), *arguments]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "dataset.sel" not in said


def test_a_heat_map_with_the_contour_of_a_budget(tmp_path):
    made = Sweep(axes=AXES["two texts"], outputs={"accuracy": {"units": "1"}}, trials=1)
    made.run(technology_point, tmp_path / "s.zarr")
    arguments = ["plot", str(tmp_path / "s.zarr"), "--x", "technology", "--y", LINES]
    assert main([*arguments, "--output", str(tmp_path / "plain.png")]) == 0
    assert main([*arguments, "--budget", "0.8", "--output", str(tmp_path / "budget.png")]) == 0
    assert (tmp_path / "plain.png").read_bytes() != (tmp_path / "budget.png").read_bytes()
