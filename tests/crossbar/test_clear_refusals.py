"""What a chip cannot be, and what a checkpoint is not: said in the fewest words."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
import devices

CONFIG = xb.CrossbarConfig(device=devices.RRAM, mapping=xb.MappingConfig(rows=16, cols=16))


def programmed(config):
    torch.manual_seed(0)
    model = xb.convert_to_analog(nn.Sequential(nn.Linear(6, 4)), config).eval()
    xb.program_analog_weights(model)
    return model


def test_a_checkpoint_of_another_config_says_which_fields_differ():
    other = replace(CONFIG, wires=xb.Wires(row=5.0), device=replace(devices.RRAM, g_max=1.5e-5))
    model = programmed(CONFIG)
    with pytest.raises(RuntimeError, match=r"device\.g_max: 2e-05 -> 1\.5e-05; wires\.row: 0\.0 -> 5\.0") as caught:
        programmed(other).load_state_dict(model.state_dict())
    assert len(str(caught.value)) < 500


def test_json_nested_a_thousand_times_too_deep_is_refused():
    with pytest.raises(ValueError, match="nested too deeply"):
        xb.config_from_json("[" * 100_000 + "]" * 100_000)


def test_telegraph_noise_is_not_drawn_as_a_normal_one():
    noise = devices.TelegraphReadNoise(on_fraction=0.3, amplitude=0.1)
    fresh = replace(CONFIG, device=replace(devices.RRAM, read_noise=noise))
    with pytest.raises(ValueError, match=r"`device.read_noise` must be normal.*draw='programming'"):
        programmed(fresh)
    frozen = replace(CONFIG, device=replace(devices.RRAM, read_noise=replace(noise, draw="programming")))
    assert programmed(frozen)(torch.ones(1, 6)).isfinite().all()


@pytest.mark.parametrize("wires", [xb.Wires(driver=1e3), xb.Wires(sense=1e3), xb.Wires(row=1.0), xb.Wires()])
def test_a_chip_behind_any_wires_is_saved_by_safetensors(wires):
    safetensors = pytest.importorskip("safetensors.torch", reason="needs safetensors")
    model = programmed(replace(CONFIG, wires=wires, adc=xb.ADC(bits=8)))
    assert safetensors.load(safetensors.save(model.state_dict())).keys() == model.state_dict().keys()
