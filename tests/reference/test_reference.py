"""Random layers on random chips against the referee."""

import numpy as np
import pytest
import torch

import calibration
import crossbar as xb
from devices import conductance_at
from tests.reference import layers
from tests.reference.chip import Chip
from tests.reference.converters import code_inputs, half_way
from tests.reference.random_cases import case

_BLOCK = 25
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")


def programmed(given, seed):
    """Return the analog model of a case with everything fitted to it, and its inputs; None where arrays do not suit."""
    model = xb.convert_to_analog(torch.nn.Sequential(given.layer), given.config).eval()
    try:
        xb.program_analog_weights(model, generator=torch.Generator().manual_seed(seed))
    except ValueError as error:
        if "`adc.subtraction=" in str(error):
            return None
        raise
    if given.time:
        xb.drift_analog_weights(model, given.time)
    if given.config.inputs.range == "static" and given.config.inputs.maximum is None:
        calibration.calibrate_input_ranges(model, [given.x])
    x = _without_ties(given, model[0].array.corrections.input_range())
    if given.config.adc is not None and given.config.adc.range == "calibrated":
        calibration.calibrate_adc_ranges(model, [x])
    if given.compensated:
        calibration.compensate_drift(model)
    if given.affine:
        calibration.fit_output_affine(model, torch.nn.Sequential(given.layer), [x])
    return model, x


def _without_ties(given, static_range):
    """Return the inputs, those that lie half way between two codes moved away from there."""
    x = given.x.clone()
    dimensions = 1 if given.geometry is None else len(given.geometry.kernel) + 1
    for _ in range(20):
        coded = code_inputs(
            x.double().numpy(), given.config.inputs, vector_dimensions=dimensions, static_range=static_range
        )
        tied = half_way(coded.units, 2e-4)
        if not tied.any():
            break
        x[torch.from_numpy(tied)] *= 0.97
    return x


def judge(given, layer, x):
    """Return what the referee expects of a programmed layer."""
    array = layer.array
    conductance = conductance_at(given.config.device, array.cells, float(array.time))
    bias = None if layer.bias is None else layer.bias.detach().double().numpy()
    weight = layer.weight.detach().double().numpy()
    return layers.expected(weight, bias, x.double().numpy(), given.geometry, given.config, Chip(array, conductance))


def disagreement(seed):
    """Return a line on how a layer and the referee differ, nothing where they agree, None where there is no layer."""
    given = case(seed)
    found = programmed(given, seed)
    if found is None:
        return None
    model, x = found
    try:
        expected = judge(given, model[0], x)
    except AssertionError as error:  # arrays that are not where they should be
        return f"seed {seed}: {error}"
    with torch.no_grad():
        outputs = model(x).double().numpy()
    if outputs.shape != expected.outputs.shape:
        return f"seed {seed}: shape {outputs.shape} instead of {expected.outputs.shape}"
    excess = np.abs(outputs - expected.outputs) - expected.tolerance
    if (excess <= 0).all():
        return ""
    worst = np.unravel_index(excess.argmax(), excess.shape)
    return (
        f"seed {seed}: {outputs[worst]:.7g} instead of {expected.outputs[worst]:.7g}, tolerance "
        f"{expected.tolerance[worst]:.2g}, full scale {expected.full_scale:.3g}, {given.layer}, {given.config}"
    )


def check_block(block):
    """Raise unless the cases of a block agree with the referee, and say which ones do not."""
    found = [disagreement(seed) for seed in range(block * _BLOCK, (block + 1) * _BLOCK)]
    lines = [line for line in found if line]
    assert not lines, f"{len(lines)} of {_BLOCK} cases differ:\n" + "\n".join(lines)
    assert sum(line is not None for line in found) >= 0.7 * _BLOCK


@pytest.mark.parametrize("block", range(12))
def test_layers_agree_with_the_referee(block):
    check_block(block)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(12, 212))
def test_many_layers_agree_with_the_referee(block):
    check_block(block)
