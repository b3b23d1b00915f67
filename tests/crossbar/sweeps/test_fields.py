"""Fields of nested configs by dotted name."""

from dataclasses import dataclass, field

import pytest

from crossbar.sweeps import with_fields
from devices import Wires


@dataclass(frozen=True, kw_only=True)
class Noise:
    sigma: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Device:
    low: float = 1.0
    high: float = 2.0
    noise: Noise | None = field(default_factory=Noise)
    derived: float = field(default=0.0, init=False)

    def __post_init__(self):
        if self.low >= self.high:
            raise ValueError("`low` must be < `high`.")


@dataclass(frozen=True, kw_only=True)
class Config:
    device: Device = field(default_factory=Device)
    wires: Wires = field(default_factory=Wires)


def test_replaces_deep_and_shallow_and_leaves_the_original():
    config = Config()
    new = with_fields(config, {"device.noise.sigma": 0.1, "wires.row": 5.0, "wires.sense": 2.0})
    assert new == Config(device=Device(noise=Noise(sigma=0.1)), wires=Wires(row=5.0, sense=2.0))
    assert config == Config()
    assert with_fields(config, {}) == config
    assert with_fields(config, {"device": Device(high=9.0)}).device.high == 9.0


def test_fields_checked_together_are_replaced_together():
    assert with_fields(Config(), {"device.low": 5.0, "device.high": 6.0}).device == Device(low=5.0, high=6.0)
    with pytest.raises(ValueError, match="`low` must be < `high`"):
        with_fields(Config(), {"device.low": 5.0})


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"devise.low": 1.0}, ValueError, r"`devise` is not a field of Config. Its fields are `device`, `wires`\."),
        (
            {"device.nose.sigma": 1.0},
            ValueError,
            r"`device.nose` is not a field of Device. Its fields are `device.low`, `device.high`, `device.noise`\.",
        ),
        ({"device.derived": 1.0}, ValueError, "`device.derived` is not a field"),
        ({"device.low.x": 1.0}, TypeError, r"`device.low` must be a dataclass for `device.low.x` .* It is 1.0"),
        ({"": 1.0}, ValueError, "`` is not a field of Config"),
        ({"device.": 1.0}, ValueError, "`device.` is not a field of Device"),
        ({"wires": Wires(), "wires.row": 1.0}, ValueError, "`wires` must be replaced either whole or in part"),
        ({"wires.row": -1.0}, ValueError, "`row` must be >= 0"),
    ],
)
def test_wrong_names_are_refused_with_the_right_ones(values, error, message):
    with pytest.raises(error, match=message):
        with_fields(Config(), values)


def test_none_on_the_way_is_named():
    with pytest.raises(TypeError, match=r"`device.noise` must be a dataclass .* It is None"):
        with_fields(Config(device=Device(noise=None)), {"device.noise.sigma": 0.1})


@pytest.mark.parametrize("config", [Config, {"device": 1}, None])
def test_only_dataclasses_have_fields(config):
    with pytest.raises(TypeError, match="`config` must be a dataclass"):
        with_fields(config, {"device": 1})
