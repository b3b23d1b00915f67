"""The resolution that converters need: every sum is told apart, and one bit less is not enough."""

import pytest
import torch
from torch import nn

import crossbar as xb
from mapping import TernaryQuantizer

ONE_BIT = xb.MappingConfig(weight_bits=2, cell_bits=1, rows=16, cols=8, quantizer=TernaryQuantizer())


def programmed(mapping=ONE_BIT, **fields):
    torch.manual_seed(0)
    config = xb.CrossbarConfig(mapping=mapping, **fields)
    model = xb.convert_to_analog(nn.Sequential(nn.Linear(40, 12), nn.ReLU(), nn.Linear(12, 3)), config)
    xb.program_analog_weights(model, seed=0)
    return model


def test_the_largest_sum_of_every_tile_fits_and_no_bit_is_spare():
    report = xb.adc_bits_report(programmed(inputs=xb.InputConfig(bits=8, dac_bits=1)))
    assert report.layer.values.tolist() == ["0", "2"]
    for name, layer in zip(("0", "2"), xb.analog_layers(programmed()), strict=True):
        placement = layer.array.placement
        sums = (placement.levels * placement.used).sum(1)[placement.column_index >= 0]  # all word lines driven by one
        bits = int(report.bits.sel(layer=name))
        assert 2 ** (bits - 1) <= int(sums.max()) < 2**bits
        assert int(report.median_bits.sel(layer=name)) == int(sums.median()).bit_length()
    assert report.worst_case.values.tolist() == [5, 4]
    assert (report.bits < report.worst_case).sel(layer="0")


@pytest.mark.parametrize(
    ("fields", "pulse_bits", "sign"),
    [
        ({"inputs": xb.InputConfig(bits=8, dac_bits=2)}, 2, 0),
        ({"inputs": xb.InputConfig(bits=8, dac_bits=1), "parallel_rows": 4}, 1, 0),
        ({"inputs": xb.InputConfig(dac_bits=1), "adc": xb.ADC(subtraction="analog")}, 1, 1),
    ],
)
def test_pulses_rows_and_signs_count(fields, pulse_bits, sign):
    report = xb.adc_bits_report(programmed(**fields))
    rows = fields.get("parallel_rows", 16)
    assert int(report.worst_case.sel(layer="0")) == xb.lossless_bits(rows, 1, pulse_bits) + sign
    assert (report.bits <= report.worst_case).all()
    assert (report.median_bits <= report.bits).all()


def test_inputs_need_codes():
    with pytest.raises(ValueError, match=r"inputs.bits=None in layer `0`"):
        xb.adc_bits_report(programmed(inputs=xb.InputConfig(bits=None)))
