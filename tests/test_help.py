"""A table of contents of the façade, and what configs and results show of themselves."""

import dataclasses
import inspect
import re

import pytest
import torch

import crossbar as xb
import devices
from calibration.mime import Task, TrainedTask


def contents():
    text = inspect.getdoc(xb)
    return text[text.index("Contents\n") :]


def test_the_table_of_contents_names_everything_public():
    public = {
        name
        for name, value in vars(xb).items()
        if not name.startswith("_") and not inspect.ismodule(value) and name != "error"
    }
    listed = set(re.findall(r"\w+", contents()))
    assert public <= listed, f"Not in the docstring of crossbar: {sorted(public - listed)}"


def test_the_table_of_contents_names_nothing_else():
    named = {word for word in re.findall(r"\w+", contents()) if "_" in word or re.search(r"[a-z][A-Z]", word)}
    unknown = {name for name in named if not (hasattr(xb, name) or hasattr(devices, name))}
    assert not unknown


CONFIG = xb.CrossbarConfig(device=xb.devices.RRAM, adc=xb.ADC(bits=6))


def test_a_config_shows_what_differs_from_the_defaults():
    assert repr(xb.ADC(bits=6)) == "ADC(bits=6)"
    assert repr(xb.Wires()) == "Wires()"
    assert "wires" not in repr(CONFIG)
    assert "g_min=2e-06" in repr(CONFIG)
    assert len(repr(CONFIG)) < 250


def test_what_a_config_shows_makes_it_again():
    config = xb.MappingConfig(weight_bits=6, cell_bits=1, pairs="bit_lines", granularity="output")
    assert eval(repr(config), {"MappingConfig": xb.MappingConfig}) == config


@pytest.mark.parametrize("config", [CONFIG, CONFIG.device, CONFIG.adc], ids=lambda config: type(config).__name__)
def test_a_notebook_shows_every_field(config):
    table = config._repr_html_()
    for field in dataclasses.fields(config):
        assert f">{field.name}</td>" in table
    assert table.count("title=") == len(dataclasses.fields(config))


def test_html_is_escaped():
    device = dataclasses.replace(devices.Ideal, name="<script>")
    assert "<script>" not in device._repr_html_()


def test_a_placement_shows_its_size():
    placement = xb.map_weight(torch.zeros(100, 40), xb.MappingConfig(rows=64, cols=64))
    assert repr(placement) == f"Placement(100 inputs, 40 outputs, 4 planes: {placement.tiles} tiles of 64x64)"


def test_a_trained_task_shows_how_it_ended():
    import xarray as xr

    task = Task(thresholds={"a": torch.zeros(3, 4)}, head=torch.nn.Linear(4, 2), batchnorm={}, parent="x")
    history = xr.Dataset({"loss": ("epoch", [2.0, 0.5]), "accuracy": ("epoch", [0.3, 0.9])})
    shown = repr(TrainedTask(task, history))
    assert "12 thresholds" in shown
    assert "2 epochs: loss 0.5, accuracy 0.9" in shown
