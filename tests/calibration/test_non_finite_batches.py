"""Every calibration refuses inputs that are not finite, and leaves the model as it was."""

import pytest
import torch
from torch import nn

import crossbar as xb
import devices
from calibration import (
    adapt_batchnorm,
    calibrate_adc_ranges,
    calibrate_input_ranges,
    fit_output_affine,
    match_output_gains,
    mime,
    search_squeeze,
    weight_pc2,
)
from tests.calibration.model_states import moved, snapshot

X = torch.randn(24, 6, generator=torch.Generator().manual_seed(0))
GOOD = [(x, x[:, :3].argmax(1)) for x in X.split(8)]
CONFIG = xb.CrossbarConfig(
    device=devices.Device(g_min=2e-6, g_max=2e-5),
    mapping=xb.MappingConfig(cell_bits=1),
    inputs=xb.InputConfig(range="static"),
    adc=xb.ADC(bits=8, range="calibrated"),
)
PLAIN = xb.CrossbarConfig(mapping=xb.MappingConfig(cell_bits=1))


def digital():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)).eval()


def chip(config=CONFIG):
    analog = xb.convert_to_analog(digital(), config).eval()
    xb.program_analog_weights(analog)
    if config is CONFIG:
        calibrate_input_ranges(analog, GOOD)
        calibrate_adc_ranges(analog, GOOD)
        fit_output_affine(analog, digital(), GOOD)
    return analog


CALIBRATIONS = {
    "exact statistics": adapt_batchnorm,
    "moving statistics": lambda model, batches: adapt_batchnorm(model, batches, momentum=0.1),
    "input quantile": calibrate_input_ranges,
    "input extremes": lambda model, batches: calibrate_input_ranges(model, batches, method="minmax"),
    "input moving": lambda model, batches: calibrate_input_ranges(model, batches, method="moving"),
    "ADC ranges": calibrate_adc_ranges,
    "output gains": lambda model, batches: match_output_gains(model, batches),
    "output affine": lambda model, batches: fit_output_affine(model, digital(), batches),
    "squeeze search": search_squeeze,
}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", CALIBRATIONS)
@pytest.mark.parametrize("place", [0, 2])
def test_a_batch_that_is_not_finite_is_refused(name, value, place):
    model = chip()
    before = snapshot(model)
    broken = GOOD[0][0].clone()
    broken[1, 1] = value
    batches = list(GOOD)
    batches.insert(place, (broken, GOOD[0][1]))
    with pytest.raises(ValueError, match=r"`batches` must hold finite inputs. Got 1 that"):
        CALIBRATIONS[name](model, batches)
    assert not moved(model, before)
    assert not any(module.training for module in model.modules())


def test_the_sparsity_report_refuses_them():
    bank = mime.TaskBank(mime.attach_thresholds(digital(), X[:2]))
    with pytest.raises(ValueError, match="finite inputs"):
        mime.sparsity_report(bank, {"parent": [X * float("nan")]})


def test_weights_that_are_not_finite_have_no_pc2():
    weight = torch.randn(4, 4)
    for broken in (weight / 0, weight * float("nan")):
        with pytest.raises(ValueError, match=r"`nonideal` must be finite. Got 16"):
            weight_pc2(weight, broken)
        with pytest.raises(ValueError, match="`ideal` must be finite"):
            weight_pc2(broken, weight)


def test_a_squeeze_search_takes_mappings(tmp_path):
    mappings = [{"image": x, "label": y} for x, y in GOOD]
    results = [
        search_squeeze(chip(PLAIN), batches, budget=0.1, path=tmp_path / name)
        for name, batches in (("tuples", GOOD), ("mappings", mappings), ("mappings", mappings), ("tuples", mappings))
    ]
    assert all(result == results[0] for result in results)
