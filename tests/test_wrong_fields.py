"""Every field of every public config refuses what it cannot be, by its name."""

import dataclasses
import re
import sys
import typing

import pytest

import calibration
import calibration.mime
import crossbar
import devices
import mapping
from crossbar.cost import Architecture
from devices.arguments import matches
from devices.validation import FieldError
from tests.config_tables import CONFIGS, RESULTS, WRONG_VALUES

PACKAGES = (
    devices,
    mapping,
    crossbar,
    crossbar.spiking,
    calibration,
    calibration.mime,
    devices.curves,
    mapping.quantizers,
)


def fields_of(config):
    """Return the fields that a user gives, with their annotations."""
    hints = typing.get_type_hints(type(config), vars(sys.modules[type(config).__module__]))
    return [(field.name, hints[field.name]) for field in dataclasses.fields(config) if field.init]


BY_POSITION = (calibration.Remedy,)
"""Configs whose fields may be given without their names."""
BLAMED_ON = {(Architecture, "node"): "array"}  # a plausible node for which the parts are not made
CASES = [(config, name, hint) for config in CONFIGS for name, hint in fields_of(config)]


def test_every_public_config_is_in_the_table():
    public = {
        value
        for package in PACKAGES
        for value in vars(package).values()
        if isinstance(value, type) and dataclasses.is_dataclass(value)
    }
    assert public <= {type(config) for config in CONFIGS} | set(RESULTS)


@pytest.mark.filterwarnings("ignore::devices.ImplausibleValueWarning")
@pytest.mark.parametrize(("config", "name", "hint"), CASES, ids=lambda x: x if isinstance(x, str) else type(x).__name__)
def test_a_wrong_value_is_refused_by_name(config, name, hint):
    for value in WRONG_VALUES:
        said = f"{type(config).__name__}({name}={value!r})"
        refusal = refusal_of(config, name, value)
        if refusal is None:
            assert matches(value, hint), f"{said} is accepted."
            assert str(value) != "nan", f"{said} is accepted."
        else:
            assert isinstance(refusal, FieldError), f"{said}: {refusal!r}"
            blamed = BLAMED_ON.get((type(config), name), name)
            assert re.search(rf"`({name}|{blamed})\b", str(refusal)), f"{said}: {refusal!r}"


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: type(config).__name__)
def test_a_config_never_changes_and_is_made_by_names(config):
    name = dataclasses.fields(config)[0].name if dataclasses.fields(config) else "anything"
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config, name, None)
    assert isinstance(config, BY_POSITION) or all(field.kw_only for field in dataclasses.fields(config))


def refusal_of(config, name, value):
    """Return the error that a changed field raises, None where it is accepted."""
    try:
        dataclasses.replace(config, **{name: value})
    except (TypeError, ValueError) as error:
        return error
    return None
