"""Configs from tables of a study file."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from typing import Any

import crossbar
import devices
import mapping
from crossbar.command_line.study.mistake import FieldError
from crossbar.config import CrossbarConfig
from devices import find_presets

Table = Mapping[str, Any]

_ABSENT = {
    "adc": "ADC",
    "compensation": "WireCompensation",
    "compensation.wires": "Wires",
    "device.stuck": "StuckCells",
    "device.validity": "ValidityRange",
}
"""Class of a part that is absent by default and has one class only, by dotted name."""


def config_from_table(table: Table, *, field: str = "config") -> CrossbarConfig:
    """Return the default config with the fields of `table` replaced.

    A nested table replaces fields of what is there; `type = "RelativeReadNoise"` makes a new part of that class,
    `preset = "RRAM"` (or just the name as text) takes a published device, `"none"` takes a part away.

    Raises
    ------
    FieldError
        If a field is unknown or its value cannot be.
    """
    config = _replaced(CrossbarConfig(), table, prefix="", field=field)
    if not isinstance(config, CrossbarConfig):
        raise FieldError(field, "must not have a `type`.")
    return config


def nested(flat: Mapping[str, object]) -> dict[str, Any]:
    """Return dotted names as nested tables."""
    table: dict[str, Any] = {}
    for name, value in flat.items():
        *parents, last = name.split(".")
        inner = table
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return table


def merged(base: Table, over: Table) -> dict[str, Any]:
    """Return `base` with the entries of `over` put over it, table by table; a device's name is its `preset`."""
    result: dict[str, Any] = {name: _as_table(name, value) for name, value in base.items()}
    for name, value in over.items():
        new, old = _as_table(name, value), result.get(name)
        result[name] = merged(old, new) if isinstance(new, Mapping) and isinstance(old, Mapping) else new
    return result


def _as_table(name: str, value: object) -> object:
    return {"preset": value} if name == "device" and isinstance(value, str) else value


def _replaced(current: object, table: Table, *, prefix: str, field: str) -> object:
    """Return `current`, or what `type` or `preset` names, with the fields of `table` replaced."""
    table = dict(table)
    if "preset" in table:
        current = _preset(table.pop("preset"), f"{field}.preset")
    made: type | None = None
    if "type" in table:
        made = _class(table.pop("type"), f"{field}.type")
    elif current is None:
        default = _ABSENT.get(prefix.removesuffix("."))
        if default is None:
            raise FieldError(field, 'is absent, so its `type` must be given, such as type = "RelativeReadNoise".')
        made = _class(default, field)
    if made is None and not is_dataclass(current):
        raise FieldError(field, f"is not a table but a value. It is {current!r} by default.")
    known = {f.name: f for f in fields(made or current) if f.init}  # type: ignore[arg-type]
    values: dict[str, object] = {}
    for name, value in table.items():
        if name not in known:
            kind = (made or type(current)).__name__
            raise FieldError(f"{field}.{name}", f"is no field of {kind}. Its fields are {', '.join(known)}.")
        before = _default(known[name]) if made else getattr(current, name)
        values[name] = _value(value, _as_table(name, value), before, prefix=f"{prefix}{name}.", field=f"{field}.{name}")
    try:
        return made(**values) if made else replace(current, **values)  # type: ignore[type-var]
    except (TypeError, ValueError) as error:
        # Of a refusal about something inside a field, such as an element of a tuple, the line of the field is known.
        culprit = re.match(r"\w*", getattr(error, "field", ""))
        inside = f"{field}.{culprit[0]}" if culprit and culprit[0] in values else field
        raise FieldError(inside, str(error)) from error


def _value(given: object, value: object, before: object, *, prefix: str, field: str) -> object:
    if isinstance(value, Mapping):
        return _replaced(before, value, prefix=prefix, field=field)
    if value == "none":
        return None
    if isinstance(value, list):
        return tuple(_value(item, item, None, prefix=prefix, field=field) for item in value)
    return given


def _default(field: "Field[Any]") -> object:
    if field.default is not MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not MISSING else None


def _preset(name: object, field: str) -> object:
    found = find_presets()
    if name not in found:
        raise FieldError(field, f"must be one of {', '.join(found)}. Got {name!r}.")
    return found[str(name)]


def _class(name: object, field: str) -> type:
    """Return a config class by name, from what the packages export."""
    for package in (devices, mapping, crossbar):
        found = vars(package).get(str(name))
        if isinstance(found, type) and is_dataclass(found):
            return found
    raise FieldError(field, f"must name a class that `devices`, `mapping` or `crossbar` exports. Got {name!r}.")
