import dataclasses
import json

import pytest

import crossbar as xb
from crossbar.cost import ARCHITECTURES, Component, FixedADC, SurveyADC, scale_to_node

ISAAC = ARCHITECTURES["ISAAC_2016"]


def test_nodes_never_mix_silently():
    with pytest.raises(
        ValueError, match=r"`buffer` must be of the architecture's node, 22 nm.*Got 32 nm.*scale_to_node"
    ):
        dataclasses.replace(ARCHITECTURES["SURVEY_22NM"], buffer=ISAAC.buffer)
    with pytest.raises(ValueError, match=r"`adc` must be of the architecture's node, 32 nm.*Got 22 nm"):
        dataclasses.replace(ISAAC, adc=SurveyADC(node=22e-9, rate=1e8))
    scaled = scale_to_node(ISAAC.buffer, 22e-9)
    assert "scaled from 32 nm" in scaled.source
    dataclasses.replace(ARCHITECTURES["SURVEY_22NM"], buffer=scaled)


@pytest.mark.parametrize(
    ("node", "energy", "area"), [(65e-9, 1.8817, 1 / 0.31), (14e-9, 0.21058, 0.38), (7e-9, 0.14304, 0.13)]
)
def test_scaling_is_that_of_the_paper(node, energy, area):
    """Factors from 32 nm: the energy polynomials at 0.8 V worked out by hand, the paper's table of areas."""
    scaled = scale_to_node(ISAAC.buffer, node)
    assert scaled.energy / ISAAC.buffer.energy == pytest.approx(energy, rel=1e-4)
    assert scaled.area / ISAAC.buffer.area == pytest.approx(area, rel=0.04)  # the table has two digits


def test_scaling_there_and_back_is_the_same():
    there = scale_to_node(scale_to_node(ISAAC.bus, 22e-9), 32e-9)
    assert there.energy == pytest.approx(ISAAC.bus.energy)
    assert there.area == pytest.approx(ISAAC.bus.area)


@pytest.mark.parametrize("node", [5e-9, 180e-9])
def test_scaling_refuses_nodes_outside_its_source(node):
    with pytest.raises(ValueError, match=r"`node` must lie in \[7e-9, 130e-9\]"):
        scale_to_node(ISAAC.bus, node)


def test_scaling_refuses_an_unknown_node():
    with pytest.raises(ValueError, match=r"`component.node` must be known"):
        scale_to_node(Component(energy=1.0, source="nobody"), 22e-9)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"energy": -1.0}, "`energy` must be >= 0"),
        ({"source": " "}, "`source` must say"),
        ({"level": "chiplet"}, "`level` must be one of"),
        ({"node": 0.0}, "`node` must be > 0"),
    ],
)
def test_components_that_cannot_be(changes, match):
    with pytest.raises(ValueError, match=match):
        Component(**{"energy": 1.0, "source": "a test", **changes})


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"rows": 0}, ValueError, "`rows` must be >= 1"),
        ({"read_time": 0.0}, ValueError, "`read_time` must be > 0"),
        ({"skip_idle": "columns"}, ValueError, "`skip_idle` must be one of"),
        ({"dac": 1.0}, TypeError, "`dac` must be a Component"),
        ({"adc": 1.0}, TypeError, "`adc` must be a converter law"),
        ({"array_supply": -1.0}, ValueError, "`array_supply` must be > 0"),
    ],
)
def test_architectures_that_cannot_be(changes, error, match):
    with pytest.raises(error, match=match):
        dataclasses.replace(ISAAC, **changes)


def test_cycle_time():
    assert ISAAC.cycle_time(magnitude_bits=1, adc_bits=8, cols=128) == pytest.approx(100e-9)
    slow = dataclasses.replace(ISAAC, columns_per_adc=256)
    assert slow.cycle_time(magnitude_bits=1, adc_bits=8, cols=256) == pytest.approx(200e-9)
    apart = dataclasses.replace(ISAAC, overlapped=False)
    assert apart.cycle_time(magnitude_bits=1, adc_bits=8, cols=64) == pytest.approx(150e-9)


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda data: data | {"_version": 99}, "format version 99"),
        (lambda data: data | {"adc": {"_type": "MagicADC"}}, "`adc` must name one of"),
        (lambda data: data | {"colour": "red"}, "unknown fields"),
        (lambda data: {key: data[key] for key in data if key != "rows"}, "incomplete"),
        (lambda data: data | {"dac": 3}, "must be an object"),
    ],
)
def test_damaged_json_is_refused(spoil, match):
    data = json.loads(xb.architecture_to_json(ISAAC))
    with pytest.raises(ValueError, match=match):
        xb.architecture_from_json(json.dumps(spoil(data)))
    with pytest.raises(ValueError, match="not valid JSON"):
        xb.architecture_from_json("{")
    with pytest.raises(ValueError, match="nested too deeply"):
        xb.architecture_from_json("[" * 100_000)


def test_a_converter_of_no_node_fits_everywhere():
    adc = FixedADC(bits=6, conversion_energy=1e-12, converter_area=None, conversion_time=1e-9, node=None, source="own")
    assert dataclasses.replace(ISAAC, adc=adc).adc.bits_range == (6, 6)
