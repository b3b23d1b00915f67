"""Configs that cannot be are refused; the others travel as JSON."""

from dataclasses import replace

import pytest

import crossbar as xb

BAD = [
    (lambda: xb.Wires(row=-1.0), "`row` must be >= 0"),
    (lambda: xb.Wires(sense=float("nan")), "`sense` must be finite"),
    (lambda: xb.Device(g_min=2e-6, g_max=1e-6), "g_min"),
    (lambda: xb.ADC(bits=0), "`bits` must be in"),
    (lambda: xb.ADC(range="some"), "`range` must be one of"),
    (lambda: xb.MappingConfig(weight_bits=4, cell_bits=5), "`cell_bits` must be <= `weight_bits`"),
    (lambda: xb.MappingConfig(rows=0), "`rows` must be >= 1"),
    (lambda: xb.MappingConfig(encoding="pairs"), "`encoding` must be one of"),
    (lambda: xb.InputConfig(bits=4, dac_bits=5), "`dac_bits` must be <= `bits`"),
    (lambda: xb.InputConfig(maximum=1.0), "`maximum` needs range='static'"),
    (lambda: xb.InputConfig(read_voltage=0.0), "`read_voltage` must be > 0"),
    (lambda: xb.CrossbarConfig(device=xb.devices.RRAM, mapping=xb.MappingConfig(cell_bits=5)), "16 levels"),
    (lambda: xb.CrossbarConfig(adc=xb.ADC(), plan="collapsed"), "`plan='collapsed'` cannot convert"),
    (lambda: xb.CrossbarConfig(adc=xb.ADC(), inputs=xb.InputConfig(bits=None)), "`adc` needs input codes"),
    (lambda: xb.CrossbarConfig(chunk=0), "`chunk` must be >= 1"),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=[message for _, message in BAD])
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        make()


def test_wrong_types_are_refused():
    with pytest.raises(TypeError, match="`device` must be Device"):
        xb.CrossbarConfig(device="RRAM")
    with pytest.raises(TypeError, match="`adc` must be ADC or None"):
        xb.CrossbarConfig(adc=8)
    with pytest.raises(TypeError, match="`rows` must be an integer"):
        xb.MappingConfig(rows=64.0)


@pytest.mark.parametrize("device", [xb.devices.Ideal, xb.devices.RRAM, xb.devices.FeFET, xb.devices.PCM_I])
def test_json_round_trip(device):
    config = xb.CrossbarConfig(device=device, wires=xb.Wires(row=5.0), adc=xb.ADC(bits=7))
    assert xb.config_from_json(xb.config_to_json(config)) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:-5], "not valid JSON"),
        (lambda text: text.replace('"_version": 1', '"_version": 99'), "format version 99"),
        (lambda text: text.replace("RelativeReadNoise", "Popen"), "not a known config class"),
        (lambda text: text.replace('"chunk"', '"chunks"'), "unknown fields"),
        (lambda text: text.replace('"row": 0.0', '"row": -1.0'), "`row` must be >= 0"),
        (lambda text: "[]", "format version"),
    ],
)
def test_damaged_json_is_refused(change, message):
    text = xb.config_to_json(xb.CrossbarConfig(device=xb.devices.RRAM))
    with pytest.raises(ValueError, match=message):
        xb.config_from_json(change(text))


def test_plan_says_why():
    assert xb.convert_to_analog(_linear(), xb.CrossbarConfig()).plan.kind == "collapsed"
    tiled = xb.convert_to_analog(_linear(), xb.CrossbarConfig(adc=xb.ADC(bits=6))).plan
    assert tiled.kind == "tiled"
    assert "6-bit ADC" in tiled.reason
    forced = replace(xb.CrossbarConfig(), plan="tiled")
    assert "plan='tiled'" in xb.convert_to_analog(_linear(), forced).plan.reason


def _linear():
    from torch import nn

    return nn.Linear(3, 2)
