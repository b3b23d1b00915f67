"""Every argument of every public function of a wrong type, or NaN, is refused by its name."""

import inspect
import typing

import pytest
import torch
import xarray as xr
from torch import nn

import calibration
import calibration.mime
import crossbar as xb
import devices
import devices.fitting
import mapping
import mapping.accounting
from devices.arguments import annotations, matches
from devices.validation import FieldError
from tests.config_tables import CONFIGS, WRONG_VALUES

PACKAGES = (
    devices, mapping, xb, xb.attacks, xb.self_test, calibration, calibration.mime, devices.fitting, mapping.accounting,
)  # fmt: skip
FUNCTIONS = {
    value
    for package in PACKAGES
    for name, value in vars(package).items()
    if inspect.isfunction(value) and not name.startswith("_")
}
METHODS = (
    xb.Sweep.run, xb.Sweep.from_json.__func__, xb.CrossbarArray.program, xb.CrossbarArray.hold, xb.CrossbarArray.drift,
    calibration.mime.TaskBank.add, calibration.mime.TaskBank.save, calibration.mime.TaskBank.load,
)  # fmt: skip
EXCEPTIONS = {
    # Called by every read or training step, and traced by torch.compile; they check the tensors they are given.
    "quantize_weight", "fake_quantize", "subtract_references",
    # What a placement is made and read with, thousands of times in one programming, from tensors checked before.
    "arrange", "place_codes", "cell_index", "gather_cells", "scatter_cells", "tile_chunks", "integer_product",
    "left_to_subtract", "reference_share", "sorted_rows",
    # Without arguments, or with arguments of any name.
    "find_presets", "list_presets", "stuck_cells_from_maps",
}  # fmt: skip


def programmed():
    model = xb.convert_to_analog(nn.Linear(2, 2), xb.CrossbarConfig())
    xb.program_analog_weights(model)
    return model


def samples():
    """Return one value of every kind that some annotation asks for."""
    config = xb.CrossbarConfig()
    yield from (None, 1, 0.5, "text", True, (), [], {}, (1.0,), ("a",), {"a": None}, len)
    yield from (torch.ones(2, 2), torch.Generator(), nn.Parameter(torch.ones(2, 2)), nn.Linear(2, 2), xr.Dataset())
    yield from (*CONFIGS, config, mapping.map_weight(torch.randn(4, 4), config.mapping))
    yield from (mapping.quantize_weight(torch.randn(4, 4), mapping.UniformQuantizer()), {"a": config.mapping})
    yield xb.self_test.program_checksums(programmed())
    yield devices.program_cells(devices.Ideal, torch.full((2, 2), 1e-6))
    yield calibration.mime.TaskBank(
        calibration.mime.attach_thresholds(
            nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.ReLU()), torch.ones(1, 2)
        )
    )
    yield xb.solve_crossbar(torch.full((2, 2), 1e-6), torch.ones(1, 2), xb.Wires(row=1.0))


SAMPLES = list(samples())
CHECKED = sorted((f for f in {*FUNCTIONS, *METHODS} if f.__name__ not in EXCEPTIONS), key=lambda f: f.__qualname__)


def refusal_of(function, arguments):
    """Return the refusal of a call; other errors, and success, are failures of the test."""
    try:
        function(**arguments)
    except FieldError as error:
        return error
    return None


def test_exceptions_are_still_public():
    assert {function.__name__ for function in FUNCTIONS} >= EXCEPTIONS


@pytest.mark.parametrize("function", CHECKED, ids=lambda function: function.__qualname__)
def test_a_wrong_argument_is_refused_by_name(function):
    signature, hints = annotations(inspect.unwrap(function))
    said = {name for name, hint in hints.items() if hint not in (typing.Any, object)}
    assert said or not signature.parameters, "No parameter is annotated with a type that exists at runtime."
    valid = {
        name: next((value for value in SAMPLES if matches(value, hints.get(name))), None)
        for name, parameter in signature.parameters.items()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    }
    for name in said:
        wrong = [value for value in (*WRONG_VALUES, *SAMPLES) if not matches(value, hints[name]) or is_nan(value)]
        assert wrong
        for value in wrong:
            refusal = refusal_of(function, {**valid, name: value})
            assert refusal is not None, f"{name}={value!r} is accepted."
            assert refusal.field == name, f"{name}={value!r}: {refusal}"
            assert f"`{name}`" in str(refusal)


def is_nan(value):
    return isinstance(value, float) and value != value
