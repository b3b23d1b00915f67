"""The last value that a field of a config may have, and the first that it may not."""

from dataclasses import replace

import pytest

import crossbar as xb
import devices
import mapping
from crossbar.cost import ARCHITECTURES, FixedADC, LinearInBitsADC
from devices import curves
from devices.validation import FieldValueError
from tests.config_tables import CONFIGS, FLAT

BY_CLASS = {type(config): config for config in CONFIGS}
ARCHITECTURE = type(next(iter(ARCHITECTURES.values())))
BITS_IN_TURN = mapping.AdditivePowersOfTwoQuantizer(terms=1, term_bits=1)
"""A quantiser whose magnitudes fit 16 bits whatever one of its numbers is."""

INTEGERS = [
    (devices.Device, "levels", 2, None),
    (mapping.MappingConfig(weight_bits=4, cell_bits=1), "weight_bits", 2, 17),
    (mapping.MappingConfig(weight_bits=17), "cell_bits", 1, 16),
    (mapping.MappingConfig(weight_bits=5), "cell_bits", 1, 5),
    (mapping.MappingConfig, "rows", 1, 65_536),
    (mapping.MappingConfig, "cols", 1, 65_536),
    (mapping.MappingConfig(pairs="word_lines"), "rows", 2, 65_536),
    (mapping.MappingConfig(pairs="word_lines"), "cols", 1, 65_536),
    (mapping.MappingConfig(pairs="bit_lines"), "rows", 1, 65_536),
    (mapping.MappingConfig(pairs="bit_lines"), "cols", 2, 65_536),
    (BITS_IN_TURN, "terms", 1, 16),
    (BITS_IN_TURN, "term_bits", 1, 4),
    (mapping.AdditivePowersOfTwoQuantizer(term_bits=3), "terms", 1, 2),
    (mapping.PowerOfTwoQuantizer, "bits", 1, 16),
    (mapping.SMECodebook(window=1), "bits", 1, 16),
    (mapping.SMECodebook(bits=6), "window", 1, 6),
    (mapping.UniformQuantizer, "bits", 2, 17),
    (xb.ADC, "bits", 1, 24),
    (xb.InputConfig, "bits", 1, 16),
    (xb.InputConfig(bits=5), "dac_bits", 1, 5),
    (xb.CrossbarConfig, "chunk", 1, None),
    (xb.CrossbarConfig, "parallel_rows", 1, None),
    (xb.WireCompensation, "max_solutions", 1, None),
    (xb.ProductProgramming, "rounds", 0, None),
    (xb.ProductProgramming, "patterns", 1, None),
    (xb.ProductProgramming, "patience", 1, None),
    (FixedADC, "bits", 1, None),
    (LinearInBitsADC, "lowest_bits", 1, 8),
    (replace(BY_CLASS[LinearInBitsADC], lowest_bits=4), "highest_bits", 4, None),
    *((ARCHITECTURE, name, 1, None) for name in ("rows", "cols", "cells_per_weight", "input_bits", "pulse_bits")),
    *((ARCHITECTURE, name, 1, None) for name in ("arrays_per_core", "cores_per_tile", "tiles", "columns_per_adc")),
    *((ARCHITECTURE, name, 1, None) for name in ("pipeline_stages", "cells_written_at_a_time")),
    (ARCHITECTURE, "extra_cycles", 0, None),
]
"""Config, field, its least value, and its greatest if there is one."""

NUMBERS = [
    (devices.Cubic, "quadratic", 1),
    (devices.Cubic, "cubic", 1),
    (curves.Polynomial, "coefficients", 1),
    (devices.PolynomialProgramming, "coefficients", 1),
    (devices.Tabulated(voltages=(0.0, 0.2), conductances=(1e-6,), currents=((0.0, 2e-7),)), "conductances", 1),
    (devices.RelaxationDrift, "times", 2),
    (devices.Tabulated, "voltages", 2),
    (curves.Table, "arguments", 2),
    (devices.TableProgramming, "conductances", 2),
]
"""Config, a field of several numbers, and how many it needs."""

ACCEPTED = [
    (devices.Cubic, {"g_min": 1e-6, "g_max": 1e-6}),
    (curves.ClampedLogarithm, {"low": 1.0, "high": 1.0}),
    (devices.Device, {"g_min": 0.0}),
    (devices.Tabulated, {"currents": ((0.0, 0.0), (0.0, 4e-7))}),
    (devices.RelaxationDrift, {"interpolation": "linear", "times": (0.0, 1.0)}),
    (devices.StuckCells, {"at_g_min": 0.5, "at_g_max": 0.25, "open": 0.25}),
    (xb.ADC, {"gain_spread": 0.0, "offset_spread": 0.0, "nonlinearity_spread": 0.0}),
    (xb.WireCompensation, {"scale": 1.0}),
    (xb.WireCompensation, {"time": 0.0}),
    (xb.ProductProgramming, {"step": 1.0, "headroom": 1.0, "acceptance": 0.0}),
    (devices.Wires, {"row": 0.0, "column": 0.0, "driver": 0.0, "sense": 0.0}),
]
"""Config, and values that go together just so."""

REFUSED = [
    (devices.Cubic, "g_max", {"g_min": 1e-6, "g_max": 0.99e-6}),
    (devices.Cubic, "g_min", {"g_min": 0.0}),
    (curves.ClampedLogarithm, "high|low", {"low": 1.0, "high": 0.99}),
    (devices.Device, "g_max|g_min", {"g_min": 2e-5, "g_max": 2e-5}),
    (devices.Tabulated, "currents", {"currents": ((1e-9, 2e-7), (0.0, 4e-7))}),
    (devices.Tabulated, "currents", {"currents": ((0.0, 2e-7), (0.0, -1e-9))}),
    (devices.RelaxationDrift, "times", {"times": (0.0, 1.0)}),
    (devices.RelaxationDrift, "times", {"times": (1.0, 1.0)}),
    (devices.RelaxationDrift, "sigmas", {"sigmas": (FLAT,)}),
    (devices.StuckCells, "at_g_min|at_g_max|open", {"at_g_min": 0.5, "at_g_max": 0.25, "open": 0.26}),
    (xb.ADC, "gain_spread", {"gain_spread": -1e-9}),
    (xb.ADC, "offset_spread", {"offset_spread": -1e-9}),
    (xb.ADC, "nonlinearity_spread", {"nonlinearity_spread": -1e-9}),
    (xb.ADC, "fraction", {"fraction": 0.0}),
    (xb.InputConfig, "maximum", {"range": "batch", "maximum": 1.0}),
    (xb.InputConfig, "maximum", {"range": "vector", "maximum": 1.0}),
    (xb.WireCompensation, "scale", {"scale": 0.0}),
    (xb.WireCompensation, "tolerance", {"tolerance": 1.0}),
    (xb.WireCompensation, "tolerance", {"tolerance": 0.0}),
    (xb.ProductProgramming, "step", {"step": 0.0}),
    (xb.ProductProgramming, "headroom", {"headroom": 1.01}),
]
"""Config, the field that is blamed, and values just beyond those that go together."""

pytestmark = pytest.mark.filterwarnings("ignore::devices.ImplausibleValueWarning")


def base(config):
    """Return a config, the one of the table for a class."""
    return BY_CLASS[config] if isinstance(config, type) else config


def names(item):
    """Name a parameter."""
    return item.__name__ if isinstance(item, type) else None


@pytest.mark.parametrize(("config", "field", "least", "greatest"), INTEGERS, ids=names)
def test_an_integer_may_be_its_bounds_and_nothing_beyond(config, field, least, greatest):
    for value, beyond in ((least, least - 1), (greatest, None if greatest is None else greatest + 1)):
        if value is not None:
            assert getattr(replace(base(config), **{field: value}), field) == value
            with pytest.raises(FieldValueError, match=rf"`{field}"):
                replace(base(config), **{field: beyond})


@pytest.mark.parametrize(("config", "field", "count"), NUMBERS, ids=names)
def test_numbers_may_be_few_but_not_fewer(config, field, count):
    given = getattr(base(config), field)[:count]
    assert len(given) == count
    # Others of the same length follow along: the one that is asked about complains first.
    assert getattr(replace(base(config), **{field: given}), field) == given
    with pytest.raises(FieldValueError, match=rf"`{field}"):
        replace(base(config), **{field: given[:-1]})


@pytest.mark.parametrize(("config", "values"), ACCEPTED, ids=names)
def test_values_may_just_go_together(config, values):
    changed = replace(base(config), **values)
    assert {name: getattr(changed, name) for name in values} == values


@pytest.mark.parametrize(("config", "field", "values"), REFUSED, ids=names)
def test_values_may_not_go_beyond(config, field, values):
    with pytest.raises(FieldValueError, match=rf"`({field})"):
        replace(base(config), **values)
