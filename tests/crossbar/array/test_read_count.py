"""One count of conversions: what the engine does, what a footprint says, what a report prints."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import crossbar as xb
from crossbar.array.read_count import ReadCount, count_reads
from mapping.accounting import footprint


def counted(layer, codes):
    count = ReadCount()
    count_reads(layer.array, codes, count)
    return count


@pytest.mark.parametrize(
    ("options", "conversions"),
    [({}, 320), ({"adc": xb.ADC(subtraction="analog")}, 160), ({"parallel_rows": 4}, 800)],
    ids=["digital", "analog", "operation units"],
)
def test_conversions_by_hand(options, conversions):
    """20 inputs on 16 rows, 5 outputs, two slices, both signs, 8-bit inputs bit by bit: 2 x 20 lines x 8 cycles."""
    config = xb.CrossbarConfig(
        mapping=xb.MappingConfig(weight_bits=8, cell_bits=4, rows=16, cols=16),
        inputs=xb.InputConfig(bits=8, dac_bits=1),
        **options,
    )
    layer = xb.convert_to_analog(nn.Linear(20, 5), config)
    xb.program_analog_weights(layer)
    report = xb.mapping_report(layer)
    assert report.adc_conversions.sel(mapping="own").item() == conversions
    count = counted(layer, torch.full((3, 20), 255.0))
    assert count.conversions == count.conversions_needed == 3 * conversions
    assert counted(layer, torch.zeros(3, 20)).conversions_needed == 0


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_reports_count_what_the_engine_does(data):
    rows = data.draw(st.integers(2, 9))
    squeezed = data.draw(st.sampled_from([0, 0, 2]))
    analog = squeezed == 0 and data.draw(st.booleans())
    config = xb.CrossbarConfig(
        mapping=xb.MappingConfig(
            weight_bits=5, cell_bits=1, rows=rows, cols=data.draw(st.integers(2, 7)), squeezed_planes=squeezed
        ),
        inputs=xb.InputConfig(bits=4, dac_bits=data.draw(st.sampled_from([1, 2, 3, 4]))),
        adc=xb.ADC(subtraction="analog") if analog else None,
        parallel_rows=data.draw(st.sampled_from([None, 1, 2, 5])),
        plan="tiled",
    )
    layer = xb.convert_to_analog(nn.Linear(data.draw(st.integers(1, 20)), data.draw(st.integers(1, 5))), config)
    xb.program_analog_weights(layer)
    said = footprint(
        layer.array.placement, config.inputs.cycles, parallel_rows=config.parallel_rows, subtract_pairs=analog
    )
    done = counted(layer, torch.full((1, layer.in_features), 15.0))
    assert done.conversions == said.adc_conversions
    engine = layer.array.reader
    assert said.adc_conversions == sum(run.lines.blocks * run.conversions * run.lines.cycles for run in engine.runs)
    assert said.input_cycles == max((run.lines.cycles for run in engine.runs), default=0)
