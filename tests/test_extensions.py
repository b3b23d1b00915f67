"""Additions as a newcomer would make them from CONTRIBUTING: files of `tests/extensions/`, put into a copy of the project.

Each touches the places that CONTRIBUTING names and no other, passes the contract suites, counts right, and runs from a
study file.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.extensions import encoding, layer, read_noise, remedy

ROOT = Path(__file__).parents[1]
PACKAGES = ("devices", "mapping", "crossbar", "calibration", "tests")
EXTENSIONS = {"read noise": read_noise, "encoding": encoding, "remedy": remedy, "layer": layer}
QUICK = "read noise"
"""The extension that runs with all tests; `.ci/run` runs the others by `pytest -m slow tests/test_extensions.py`."""
RUNS = [pytest.param(name, marks=[pytest.mark.slow] * (name != QUICK)) for name in EXTENSIONS]
PRELUDE = """
import dataclasses
import torch
import crossbar as xb
from torch import nn

def programmed(config, layer):
    analog = xb.convert_to_analog(layer, config).eval()
    xb.program_analog_weights(analog)
    return analog

torch.manual_seed(0)
x = torch.randn(4, 6)
"""
MODULE = """
import torch
from torch import nn
{model}
def data():
    images = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    labels = (images[:, 0] > 0).long()
    return (images[:20], labels[:20]), (images[20:], labels[20:])
"""
MODEL = """
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
"""
STUDY = """
output = "study.zarr"
chips = 2
[model]
name = "own_study:model"
[data]
name = "own_study:data"
[calibration]
after_programming = "{calibration}"
[axes]
time = [0.0, 10.0]
[config]
{config}
"""


@pytest.fixture(params=EXTENSIONS)
def extension(request):
    return EXTENSIONS[request.param]


@pytest.fixture
def project(extension, tmp_path):
    """Return a copy of the project with the extension in it."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path, text in extension.FILES.items():
        assert not (tmp_path / path).exists()
        (tmp_path / path).write_text(text.lstrip())
    for path, before, line in extension.ROWS:
        text = (tmp_path / path).read_text()
        assert before in text, f"{path} has no place {before!r}"
        (tmp_path / path).write_text(text.replace(before, line + before, 1))
    return tmp_path


def run(project, *command):
    environment = {**os.environ, "PYTHONPATH": str(project), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *command], cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("extension", RUNS, indirect=True)
def test_an_extension_is_at_home(extension, project):
    passed = run(project, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *extension.SUITES)
    assert " passed" in passed
    run(project, "-c", PRELUDE + extension.CHECK)
    (project / "own_study.py").write_text(MODULE.format(model=getattr(extension, "MODEL", MODEL)))
    steps = getattr(extension, "CALIBRATION", "none")
    (project / "study.toml").write_text(STUDY.format(calibration=steps, config=extension.CONFIG.strip()))
    assert "accuracy" in run(project, "-m", "crossbar", "sweep", "study.toml")


def test_contributing_names_every_place(extension):
    """Folders of new files, and the files whose tables get a row."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for path in extension.FILES:
        assert f"`{Path(path).parent}/`" in text
    for path, _, _ in extension.ROWS:
        folder, name = str(Path(path).parent), Path(path).name
        named = f"`{path}`" in text or (name == "__init__.py" and "`__init__.py`" in text)
        assert named or f"`{folder}/{name}`" in text or "remedies" in path
