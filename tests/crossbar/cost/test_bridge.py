"""Components of hwcomponents, by stand-ins with its documented interface: it needs Python 3.12."""

import dataclasses
import math

import pytest

import crossbar as xb
from crossbar.cost import ARCHITECTURES, component_from_hwcomponents


class ActionCost:
    """As version 1.0.114 returns."""

    def __init__(self, energy, latency, throughput):
        self.energy, self.latency, self.throughput = energy, latency, throughput


class Buffer:
    """A memory whose reads cost by the bit."""

    area = 83e-9
    leak_power = 1e-3
    tech_node = 32e-9
    width = 256

    def read(self, bits_per_action=256):
        return ActionCost(20e-12 * bits_per_action / self.width, 2e-9, 5e8)

    def refresh(self):
        return 1e-12, math.inf

    def names(self):
        return "nothing"


def test_a_part_takes_over_what_the_model_says():
    part = component_from_hwcomponents(Buffer(), "read", level="tile", bits_per_action=1)
    assert (part.energy, part.latency, part.area, part.leakage) == (20e-12 / 256, 2e-9, 83e-9, 1e-3)
    assert (part.node, part.level) == (32e-9, "tile")
    assert part.source.endswith("Buffer.read(bits_per_action=1)")
    assert component_from_hwcomponents(Buffer(), "refresh").latency is None


def test_it_prices_an_architecture_of_its_node_only():
    part = component_from_hwcomponents(Buffer(), "read", level="tile", bits_per_action=1)
    isaac = dataclasses.replace(ARCHITECTURES["ISAAC_2016"], buffer=part)
    assert isaac.buffer.energy == part.energy
    with pytest.raises(ValueError, match=r"`buffer` must be of the architecture's node, 22 nm"):
        dataclasses.replace(ARCHITECTURES["SURVEY_22NM"], buffer=part)
    scaled = xb.scale_to_node(part, 22e-9)
    dataclasses.replace(ARCHITECTURES["SURVEY_22NM"], buffer=scaled)


def test_what_is_no_component():
    with pytest.raises(TypeError, match=r"`model` must be a component model .*without an action 'write'"):
        component_from_hwcomponents(Buffer(), "write")
    with pytest.raises(TypeError, match=r"Got object without area, leak_power, an action 'read'"):
        component_from_hwcomponents(object(), "read")
    with pytest.raises(TypeError, match=r"`Buffer.names` must return an ActionCost"):
        component_from_hwcomponents(Buffer(), "names")
    nowhere = Buffer()
    nowhere.tech_node = None
    with pytest.raises(ValueError, match=r"`node` must be given"):
        component_from_hwcomponents(nowhere, "read")
    nowhere.area = -1.0
    with pytest.raises(ValueError, match=r"`area` must be >= 0"):
        component_from_hwcomponents(nowhere, "read", node=32e-9)
