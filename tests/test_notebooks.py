"""Every notebook runs from its first to its last cell, warns of nothing, and is committed as it ran."""

import os
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 300_000
QUICK = ("01", "09")
"""Notebooks that run with all tests; `.ci/run` runs the others by `pytest -m slow tests/test_notebooks.py`."""
RUNS = [pytest.param(path, marks=[pytest.mark.slow] * (path.name[:2] not in QUICK), id=path.stem) for path in NOTEBOOKS]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def written_to_stderr(notebook):
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"]


def test_they_are_numbered():
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{number:02d}" for number in range(1, 15)]


@pytest.mark.parametrize("path", RUNS)
def test_runs(path):
    client = pytest.importorskip("nbclient", reason="nbclient comes with the test extra")
    notebook = nbformat.read(path, as_version=4)
    folders = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    runner = client.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}})
    runner.execute(env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders))})
    # Libraries may log to the same stream, for instance dask on a busy machine.
    assert [text for text in written_to_stderr(notebook) if re.search(r"\w*Warning: ", text)] == []


def test_outputs_are_committed(path):
    notebook = nbformat.read(path, as_version=4)
    assert [cell.execution_count for cell in code_cells(notebook)] == list(range(1, len(code_cells(notebook)) + 1))
    assert written_to_stderr(notebook) == []
    assert path.stat().st_size < LARGEST


def test_outputs_name_no_folder_of_a_machine(path):
    text = path.read_text(encoding="utf-8")
    for folder in ("/home/", "/root/", "/tmp/", "/Users/", str(ROOT), "site-packages"):
        assert folder not in text


def test_stored_versions_are_known(path):
    assert not re.search(r"aimc-crossbar\W+null", path.read_text(encoding="utf-8"))
