"""Help where Python shows it: every field of every public dataclass is explained, in one place."""

import dataclasses
import importlib
import inspect
import pydoc
import re

import pytest

import crossbar as xb
import devices
from devices.display import field_meanings

MODULES = (
    *("devices", "devices.curves", "mapping", "mapping.quantizers", "mapping.encodings", "crossbar", "crossbar.cost"),
    *(
        "crossbar.sweeps",
        "crossbar.parasitics",
        "crossbar.spiking",
        "calibration",
        "calibration.mime",
        "calibration.training",
    ),
)


def public_dataclasses():
    found = {}
    for name in MODULES:
        for value in vars(importlib.import_module(name)).values():
            if inspect.isclass(value) and dataclasses.is_dataclass(value):
                found[f"{value.__module__}.{value.__qualname__}"] = value
    return [pytest.param(value, id=name) for name, value in sorted(found.items())]


@pytest.mark.parametrize("kind", public_dataclasses())
def test_help_explains_every_field(kind):
    meanings = field_meanings(kind)
    assert list(meanings) == list(inspect.signature(kind).parameters)
    assert all(len(text) > 5 for text in meanings.values())


@pytest.mark.parametrize("kind", public_dataclasses())
def test_a_field_is_explained_in_one_place(kind):
    below = re.findall(r'^    (\w+): [^\n]*\n    """', inspect.getsource(kind), re.MULTILINE)
    assert not set(below) & set(inspect.signature(kind).parameters), "Move it to the section Parameters."


def test_pydoc_shows_it():
    text = pydoc.plain(pydoc.render_doc(xb.ADC))
    assert "fraction" in text
    assert "less than 1 trades clipping for finer" in text


@pytest.mark.parametrize(
    "config", [xb.CrossbarConfig(), devices.RRAM, xb.ADC()], ids=lambda config: type(config).__name__
)
def test_a_notebook_shows_the_meaning_of_every_field(config):
    assert 'title=""' not in config._repr_html_()
