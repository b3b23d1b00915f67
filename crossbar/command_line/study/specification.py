"""A whole study in one TOML file: model, data, config, axes, calibration, chips."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from crossbar.command_line.study.config_table import config_from_table, merged, nested
from crossbar.command_line.study.locate import line_of
from crossbar.command_line.study.mistake import FieldError
from crossbar.command_line.study.steps import parse_steps
from crossbar.command_line.study.toml_file import read_toml
from crossbar.config import CrossbarConfig
from crossbar.cost import ARCHITECTURES
from crossbar.sweeps import Sweep
from devices.validation import FieldTypeError, FieldValueError, check_integer, check_nonnegative

SPECIAL_AXES = {"time": "s", "calibration": ""}
"""Axes that are no fields of the config, with their units."""
_OUTPUTS = {"accuracy": {"units": "1", "long_name": "accuracy"}}
_COSTS = {
    "energy": {"units": "J", "long_name": "energy per inference"},
    "latency": {"units": "s", "long_name": "latency"},
    "area": {"units": "m2", "long_name": "area"},
}
_AXIS_KEYS = {"values", "units", "long_name"}


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a file asks for, as plain values: it travels to worker processes as JSON."""

    output: str
    """Store of the results, a folder."""
    chips: int = 5
    """Chips programmed at every point."""
    seed: int = 0
    """Seed of all chips."""
    model: Mapping[str, Any] = field(default_factory=dict)
    """`name`, and optionally `folder`, `checkpoint`, `digital` (names of layers that stay digital)."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """`name`, and optionally `folder`, `train`, `test`, `batch`."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the crossbar config that all points share."""
    axes: Mapping[str, Any] = field(default_factory=dict)
    """Values by axis."""
    named: Mapping[str, Any] = field(default_factory=dict)
    """By axis and by name, the config fields that a named value stands for."""
    calibration: Mapping[str, Any] = field(default_factory=dict)
    """Steps `after_programming` and `at_time`."""
    time: float = 0.0
    """Time since programming [s], where it is no axis."""
    cost: Mapping[str, Any] = field(default_factory=dict)
    """`architecture`, a name such as ISAAC_2016, and optionally `images` to count events on, and `skip_idle`; it adds the
    outputs energy, latency and area."""

    def sweep(self) -> Sweep:
        """Return the sweep over the study's axes and chips."""
        outputs = {**_OUTPUTS, **_COSTS} if self.cost else _OUTPUTS
        return Sweep(axes=self.axes, outputs=outputs, trials=self.chips, seed=self.seed)

    def shared(self) -> dict[str, Any]:
        """Return what all points have in common, without the store and what the sweep holds."""
        elsewhere = ("output", "chips", "seed", "axes", *(() if self.cost else ("cost",)))
        return {name: value for name, value in asdict(self).items() if name not in elsewhere}

    def crossbar(self, parameters: Mapping[str, Any]) -> CrossbarConfig:
        """Return the config at one point.

        Raises
        ------
        FieldError
            If a field is unknown or a value cannot be.
        """
        table = dict(self.config)
        for name, value in parameters.items():
            if name in self.named:
                table = merged(table, self.named[name][value])
            elif name not in SPECIAL_AXES:
                table = merged(table, nested({name: value}))
        return config_from_table(merged({}, table))


def read_study(path: Path) -> Study:
    """Read and check a study file: every point's config is made once, so that a mistake is found before any work.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    ValueError
        If it is no TOML, or a field cannot be used; the message begins with file and line.
    """
    tables, text = read_toml(path)
    try:
        return parse_study(tables)
    except FieldError as error:
        raise located(error, path, text) from error


def located(error: FieldError, path: Path, text: str) -> ValueError:
    """Return the error with the file and the line that gives the field, or what the field belongs to."""
    line = line_of(text, error.field)
    return ValueError(f"{path}{f', line {line}' if line else ''}: {error}")


def parse_study(tables: Mapping[str, Any]) -> Study:
    """Return the study that a file's tables describe.

    Raises
    ------
    FieldError
        If a field is missing, unknown or of no use.
    """
    _check_keys("", tables, {"output", "chips", "seed", "time", *_TABLES}, required=("output", "model", "data"))
    for name, (allowed, required) in _TABLES.items():
        table = tables.get(name, {})
        if not isinstance(table, Mapping):
            raise FieldError(name, f"must be a table, [{name}]. Got {table!r}.")
        if allowed:
            _check_keys(name, table, allowed, required=required)
    for name, kind in (("output", str), ("model.name", str), ("data.name", str), ("model.digital", list)):
        _check_kind(tables, name, kind)
    _check_numbers(tables)
    _check_cost(tables.get("cost", {}))
    study = Study(**{**tables, "axes": _axes(tables.get("axes", {}))})
    _check_named(study)
    _check_points(study)
    return study


_TABLES: dict[str, tuple[set[str], tuple[str, ...]]] = {
    "model": ({"name", "folder", "checkpoint", "digital"}, ("name",)),
    "data": ({"name", "folder", "train", "test", "batch"}, ("name",)),
    "calibration": ({"after_programming", "at_time"}, ()),
    "config": (set(), ()),
    "axes": (set(), ()),
    "named": (set(), ()),
    "cost": ({"architecture", "images", "skip_idle"}, ()),
}
"""Tables with the keys that they may have (none: checked otherwise) and must have."""


def _check_keys(table: str, given: Mapping[str, Any], allowed: set[str], *, required: tuple[str, ...]) -> None:
    prefix = f"{table}." if table else ""
    for name in given:
        if name not in allowed:
            raise FieldError(f"{prefix}{name}", f"is not known here. Known are {', '.join(sorted(allowed))}.")
    for name in required:
        if name not in given:
            raise FieldError(f"{prefix}{name}", "must be given.")


def _check_kind(tables: Mapping[str, Any], name: str, kind: type) -> None:
    *parents, last = name.split(".")
    table = tables[parents[0]] if parents else tables
    if last in table and not isinstance(table[last], kind):
        raise FieldError(name, f"must be {'text' if kind is str else 'a list'}. Got {table[last]!r}.")


def _check_numbers(tables: Mapping[str, Any]) -> None:
    data = tables["data"]
    try:
        check_integer("chips", tables.get("chips", 1), at_least=1)
        check_integer("seed", tables.get("seed", 0), at_least=0)
        check_nonnegative("time", tables.get("time", 0.0))
        for name in ("train", "test", "batch"):
            check_integer(f"data.{name}", data.get(name, 1), at_least=1)
    except (FieldTypeError, FieldValueError) as error:
        raise FieldError(error.field, str(error)) from error


def _check_cost(table: Mapping[str, Any]) -> None:
    if not table:
        return
    known = {"architecture": sorted(ARCHITECTURES), "skip_idle": ["none", "rows", "arrays"]}
    for name, choices in known.items():
        if table.get(name, choices[0] if name == "skip_idle" else None) not in choices:
            raise FieldError(f"cost.{name}", f"must be one of {', '.join(choices)}. Got {table.get(name)!r}.")
    try:
        check_integer("images", table.get("images", 1), at_least=1)
    except (TypeError, ValueError) as error:
        raise FieldError("cost.images", str(error)) from error


def _axes(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return axes by dotted name, from dotted or nested keys."""
    axes: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and not value.keys() <= _AXIS_KEYS:
            axes.update(_axes(value, f"{name}."))
        elif isinstance(value, Mapping):
            axes[name] = dict(value)
        else:
            units = SPECIAL_AXES.get(name, "")
            axes[name] = {"values": value, "units": units} if units else value
    return axes


def _check_named(study: Study) -> None:
    """Raise unless every named value of an axis has its table."""
    for axis, tables in study.named.items():
        if axis not in study.axes:
            raise FieldError(f"named.{axis}", f"belongs to no axis. Axes: {', '.join(study.axes) or 'none'}.")
        for value in axis_values(study.axes[axis]):
            if not isinstance(tables.get(value) if isinstance(value, str) else None, Mapping):
                message = f"has the value {value!r}, but there is no table [named.{axis}.{value}]."
                raise FieldError(f"axes.{axis}", message)


def _check_points(study: Study) -> None:
    """Make the sweep and every config once."""
    for name in ("after_programming", "at_time"):
        _steps(f"calibration.{name}", study.calibration.get(name, "none"))
    for axis, given in study.axes.items():
        try:
            Sweep(axes={axis: given}, outputs=_OUTPUTS)
            for value in axis_values(given):
                if axis == "time":
                    check_nonnegative("time", value)
        except (TypeError, ValueError) as error:
            raise FieldError(f"axes.{axis}", str(error)) from error
        if axis == "calibration":
            for value in axis_values(given):
                _steps("axes.calibration", value)
    # A mistake that stands in the table of all points is reported there, one that an axis brings in at the axis.
    config_from_table(merged({}, study.config)) if not study.axes else None
    for values in itertools.product(*(axis_values(given) for given in study.axes.values())):
        parameters = dict(zip(study.axes, values, strict=True))
        try:
            study.crossbar(parameters)
        except FieldError as error:
            raise FieldError(_origin(error.field, study, parameters), error.message) from error


def _origin(config_field: str, study: Study, parameters: Mapping[str, Any]) -> str:
    """Return the field of the file that a field of a point's config comes from."""
    name = config_field.removeprefix("config.")
    for axis, value in parameters.items():
        if axis in study.named and _holds(study.named[axis][value], name):
            return f"named.{axis}.{value}.{name}"
        if f"{axis}.".startswith(f"{name}.") or f"{name}.".startswith(f"{axis}."):
            return f"axes.{axis}"
    return config_field


def _holds(table: Any, name: str) -> bool:
    """Return whether a table gives the field with the dotted name."""
    for part in name.split("."):
        if not isinstance(table, Mapping) or part not in table:
            return False
        table = table[part]
    return True


def _steps(name: str, value: object) -> None:
    try:
        parse_steps(str(value))
    except ValueError as error:
        raise FieldError(name, str(error)) from error


def axis_values(given: Any) -> list[Any]:
    """Return the values of an axis, given alone or with units."""
    values = given["values"] if isinstance(given, Mapping) else given
    return list(values)


def study_from_json(text: str) -> Study:
    """Return the study that `study_to_json` wrote."""
    return Study(**json.loads(text))


def study_to_json(study: Study) -> str:
    """Return a study as JSON, for worker processes."""
    return json.dumps(asdict(study))
