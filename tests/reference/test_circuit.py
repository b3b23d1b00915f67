"""The referee's own circuit, against referee solutions of others and closed forms."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.crossbar.parasitics.wire_referee import LINEAR_CASES, load
from tests.reference.circuit import transfer

_SMALL = [name for name in LINEAR_CASES if load(name)["conductance"].numel() <= 64 * 64]


def wires(**resistances):
    """Return the four resistances of a crossbar."""
    return SimpleNamespace(**{"row": 0.0, "column": 0.0, "driver": 0.0, "sense": 0.0, **resistances})


@pytest.mark.parametrize("name", _SMALL)
def test_other_solvers_agree(name):
    case = load(name)
    found = transfer(case["conductance"].numpy(), case.wires)
    expected = case["transfer"].numpy()
    assert np.abs(found - expected).max() < 1e-9 * np.abs(expected).max()


def test_perfect_wires_leave_the_conductances():
    conductance = np.array([[1e-4, 0.0], [2e-5, 3e-5]])
    assert np.allclose(transfer(conductance, wires()), conductance, rtol=1e-12, atol=0)


@pytest.mark.parametrize("line", ["row", "column", "driver", "sense"])
def test_a_single_cell_is_in_series_with_each_resistance(line):
    assert transfer(np.array([[1e-4]]), wires(**{line: 2e3})).item() == pytest.approx(1 / (1e4 + 2e3), rel=1e-12)


def test_sense_resistance_divides_the_current_of_a_perfect_bit_line():
    conductance = np.array([[1e-4], [3e-4]])
    expected = conductance / (1 + 500 * conductance.sum())
    assert np.allclose(transfer(conductance, wires(sense=500.0)), expected, rtol=1e-12)


def test_driver_resistance_divides_the_voltage_of_a_perfect_word_line():
    conductance = np.array([[1e-4, 3e-4]])
    expected = conductance / (1 + 500 * conductance.sum())
    assert np.allclose(transfer(conductance, wires(driver=500.0)), expected, rtol=1e-12)
