import copy

import pytest
import torch

import crossbar as xb
import devices
from calibration import (
    LOW_RANK_PARAMETERS,
    adapt_batchnorm,
    attach_low_rank,
    calibrate_adc_ranges,
    calibrate_input_ranges,
    compensate_drift,
    finetune,
    finetune_batchnorm,
    fit_output_affine,
)
from tests.calibration.conftest import PAPER_WIRES

CONFIGS = {
    "collapsed": {"wires": PAPER_WIRES},
    "converters": {"inputs": xb.InputConfig(range="static"), "adc": xb.ADC(bits=8, range="calibrated")},
}


def calibrated(analog, digits):
    """Apply every calibration that the config knows."""
    batches = digits.batches(256)[:2]
    config = xb.analog_layers(analog)[0].array.config
    if config.inputs.range == "static":
        calibrate_input_ranges(analog, batches)
    if config.adc is not None:
        calibrate_adc_ranges(analog, batches, vectors=64)
    compensate_drift(analog, granularity="column")
    fit_output_affine(analog, digits.model, batches)
    adapt_batchnorm(analog, batches)
    finetune_batchnorm(analog, batches, epochs=1)
    attach_low_rank(analog, rank=2)
    finetune(analog, batches, [LOW_RANK_PARAMETERS], epochs=1)
    return analog


@pytest.mark.parametrize("name", CONFIGS)
@torch.no_grad()
def test_calibration_travels_with_the_checkpoint(programmed, digits, name, tmp_path):
    analog = calibrated(programmed(t=1e4, **CONFIGS[name]), digits)
    torch.save(analog.state_dict(), tmp_path / "chip.pt")
    config = xb.analog_layers(analog)[0].array.config
    other = attach_low_rank(xb.convert_to_analog(digits.model, config, overrides={"10": None}), rank=2).eval()
    other.load_state_dict(torch.load(tmp_path / "chip.pt", weights_only=True))
    images = digits.test.images[:100]
    expected = analog(images)
    assert torch.equal(other(images), expected)
    assert torch.equal(copy.deepcopy(analog)(images), expected)
    assert other[0].array.corrections["drift"].factor.shape == (16,)


@torch.no_grad()
def test_safetensors(programmed, digits, tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    analog = calibrated(programmed(t=1e4, **CONFIGS["collapsed"]), digits)
    state = {name: tensor.contiguous() for name, tensor in analog.state_dict().items()}
    safetensors.save_file(state, tmp_path / "chip.safetensors")
    config = xb.analog_layers(analog)[0].array.config
    other = attach_low_rank(xb.convert_to_analog(digits.model, config, overrides={"10": None}), rank=2).eval()
    other.load_state_dict(safetensors.load_file(tmp_path / "chip.safetensors"))
    images = digits.test.images[:100]
    assert torch.equal(other(images), analog(images))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
def test_calibrations_run_on_an_accelerator(programmed, digits):
    for fields in CONFIGS.values():
        analog = programmed(t=1e4, **fields).cuda()
        on_device = digits._replace(model=copy.deepcopy(digits.model).cuda())
        calibrated(analog, on_device)
        assert all(tensor.is_cuda for tensor in (*analog.parameters(), *analog.buffers()))


def test_training_mode_ignores_corrections_of_the_chip(programmed, digits):
    analog = programmed(devices.Ideal)
    fit_output_affine(analog, digits.model, digits.batches(256)[:1])
    layer = analog[0].train()
    layer.array.corrections["output_affine"].offset += 100
    with torch.no_grad():
        assert float(layer(digits.test.images[:8]).abs().max()) < 50
