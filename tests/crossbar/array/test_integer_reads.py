"""Reads in integers give the codes of tiled reads, whatever the batch and chunk.

Outputs are sums of codes times factors in floating point, whose last digits differ with the length of what is added at
a time; a single code that differed would show a thousand times above that in double precision.
"""

from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import crossbar as xb
import devices
from crossbar.array.reads.tiled.product import multiplies_bytes, product

SERIAL = xb.CrossbarConfig(
    mapping=xb.MappingConfig(cell_bits=1, rows=24, cols=20),
    inputs=xb.InputConfig(bits=4, dac_bits=1),
    adc=xb.ADC(bits=4),
)
LEAKY = devices.Device(g_min=1e-6, g_max=7e-6)


@st.composite
def configs(draw):
    """Return configs whose plan is the integer one."""
    encoding = draw(st.sampled_from(["differential", "offset", "twos_complement"]))
    mapping = xb.MappingConfig(
        weight_bits=draw(st.integers(3, 8)),
        cell_bits=draw(st.integers(1, 3)),
        rows=draw(st.sampled_from([2, 6, 24, 64])),
        cols=draw(st.sampled_from([8, 20, 64])),
        encoding=encoding,
        slicing=draw(st.sampled_from(["inter", "intra"])),
    )
    if mapping.slicing == "inter":
        mapping = replace(mapping, squeezed_planes=draw(st.sampled_from(mapping.squeezable_planes())))
    pairs = encoding == "differential"
    if pairs:
        mapping = replace(mapping, pairs=draw(st.sampled_from(["arrays", "bit_lines", "word_lines"])))
    bits = draw(st.integers(2, 7))
    return xb.CrossbarConfig(
        device=draw(st.sampled_from([devices.Ideal, LEAKY, replace(LEAKY, g_min=0.0)])),
        mapping=mapping,
        inputs=xb.InputConfig(
            bits=bits,
            dac_bits=draw(st.sampled_from([None, 1, 2])),
            negative=draw(st.sampled_from(["two_phase", "bipolar", "offset"])),
        ),
        adc=xb.ADC(
            bits=draw(st.integers(2, 10)),
            range=draw(st.sampled_from(["full", "column"])),
            fraction=draw(st.sampled_from([0.25, 1.0])),
            subtraction=draw(st.sampled_from(["digital", "analog"] if pairs else ["digital"])),
        ),
        parallel_rows=draw(st.sampled_from([None, 2, 6])),
        chunk=draw(st.sampled_from([1, 1000, 2**19])),
    )


def programmed(config, layer):
    """Return a programmed analog layer; a released array may be the partner of one that is subtracted, which is refused."""
    analog = xb.convert_to_analog(layer, config).eval()
    try:
        xb.program_analog_weights(analog)
    except ValueError as error:
        assume("`adc.subtraction=" not in str(error))
        raise
    return analog


@settings(max_examples=60, deadline=None)
@given(config=configs(), seed=st.integers(0, 99))
def test_integer_reads_give_the_codes_of_tiled_reads(config, seed):
    torch.manual_seed(seed)
    layer, x = nn.Linear(30, 7), torch.randn(9, 30)
    x[0] = 0
    integer, tiled = programmed(config, layer), programmed(replace(config, plan="tiled"), layer)
    assert (integer.plan.kind, tiled.plan.kind) == ("integer", "tiled")
    with torch.no_grad():
        assert torch.equal(integer(x), tiled(x))


@settings(max_examples=30, deadline=None)
@given(config=configs(), seed=st.integers(0, 99))
def test_codes_do_not_depend_on_batch_and_chunk(config, seed):
    torch.manual_seed(seed)
    layer, x = nn.Linear(30, 7).double(), torch.randn(9, 30, dtype=torch.float64)
    integer, tiled = programmed(config, layer), programmed(replace(config, plan="tiled", chunk=300), layer)
    with torch.no_grad():
        outputs = integer(x)
        same_codes(outputs, tiled(x))
        same_codes(outputs[4:6], integer(x[4:6]))


def same_codes(one, other):
    """Outputs in double precision from the same codes."""
    torch.testing.assert_close(one, other, rtol=0, atol=1e-11 * float(one.abs().max()))


@pytest.mark.parametrize("plan", ["auto", "tiled"])
def test_currents_between_two_codes_are_decided_alike(plan):
    """A code is worth 14 levels, and no floating-point number is a 14th: a sum of 7, 21, ... lies between two codes."""
    mapping, adc = replace(SERIAL.mapping, cell_bits=3, rows=96), xb.ADC(bits=6, fraction=63 * 14 / (96 * 7))
    config = replace(SERIAL, device=replace(LEAKY, g_min=0.0), mapping=mapping, plan=plan, adc=adc)
    torch.manual_seed(0)
    layer, x = nn.Linear(96, 40), torch.rand(64, 96)
    order = torch.randperm(96)
    turned = nn.Linear(96, 40)
    turned.load_state_dict({"weight": layer.weight[:, order], "bias": layer.bias})
    one = programmed(config, layer)
    with torch.no_grad():
        outputs = one(x)
        for other in (
            programmed(replace(config, chunk=1), layer)(x),
            torch.cat([one(part[None]) for part in x]),
            programmed(config, turned)(x[:, order]),  # the same sums in another order
        ):
            torch.testing.assert_close(outputs, other, rtol=0, atol=1e-5 * float(outputs.abs().max()))


def test_the_plan_takes_integers_where_it_can_and_says_why():
    plan = xb.convert_to_analog(nn.Linear(3, 2), SERIAL).plan
    assert plan.kind == "integer"
    assert "whole numbers" in plan.reason
    for change, obstacle in (
        ({"wires": xb.Wires(row=1.0)}, "wires"),
        ({"device": devices.RRAM}, "read noise"),
        ({"inputs": xb.InputConfig()}, "pulses of 8 bits"),
        ({"adc": xb.ADC(gain_spread=0.1)}, "errors of the converters"),
    ):
        plan = xb.convert_to_analog(nn.Linear(3, 2), replace(SERIAL, **change)).plan
        assert plan.kind == "tiled"
        assert plan.reason.endswith(obstacle)


def test_bytes_are_multiplied_where_cells_are_on_their_levels():
    """Faults that are given to `program` move cells off their levels: such a chip is read as any other."""
    torch.manual_seed(0)
    layer = nn.Linear(30, 7)
    config = replace(SERIAL, device=LEAKY)
    analog, tiled = programmed(config, layer), programmed(replace(config, plan="tiled"), layer)
    assert multiplies_bytes()
    assert analog.array.reader.matrix.dtype == torch.int8
    faults = devices.FaultMap(open=torch.rand(30, 7) < 0.2)
    x = torch.rand(5, 30)
    for chip in (analog, tiled):
        chip.array.program(layer.weight.detach().t(), faults=faults)
    assert analog.array.reader.unit is None or analog.array.reader.matrix.ndim == 3  # digits of conductances
    assert torch.equal(analog(x), tiled(x))


def test_products_of_bytes_are_exact():
    matrix = torch.full((2, 3, 500), -127, dtype=torch.int8)
    drive = torch.full((2, 500, 4), 127, dtype=torch.int8)
    assert product(matrix, drive).unique().tolist() == [-500 * 127 * 127]


def test_a_checkpoint_of_a_tiled_read_is_read_in_integers():
    torch.manual_seed(0)
    layer, x = nn.Linear(30, 7), torch.rand(5, 30)
    analog = programmed(SERIAL, layer)
    loaded = xb.convert_to_analog(layer, SERIAL).eval()
    loaded.load_state_dict(analog.state_dict())
    assert loaded.array.reader.matrix.dtype == torch.int8
    assert torch.equal(loaded(x), analog(x))
