"""Every law of the current through a cell: passive, smooth enough for Newton, and what its source states."""

import pytest
import torch

from devices.current_voltage import Ohmic, Sinh, Tabulated
from devices.presets import RRAM_MILO_2021_CURRENT_VOLTAGE

MILO = RRAM_MILO_2021_CURRENT_VOLTAGE
MEASURED = Tabulated(
    voltages=(0.0, 0.1, 0.2, 0.5),
    conductances=(10e-6, 100e-6),
    currents=((0.0, 1.0e-6, 2.2e-6, 7.0e-6), (0.0, 1.0e-5, 2.1e-5, 5.6e-5)),
)
LAWS = {"ohmic": Ohmic(), "sinh": Sinh(v0=0.3), "tabulated": MEASURED, "cubic": MILO}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
class TestEveryLaw:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_shape_dtype(self, law, dtype):
        voltage, g = torch.linspace(-0.4, 0.4, 12, dtype=dtype).reshape(3, 4), torch.full((3, 4), 6e-5, dtype=dtype)
        for result in (law.current(voltage, g), law.differential_conductance(voltage, g)):
            assert result.shape == (3, 4)
            assert result.dtype == dtype

    def test_passive_odd_and_rising(self, law):
        g = torch.tensor([0.0, 2e-5, 6e-5, 2e-4], dtype=torch.float64)[:, None].expand(4, 101)
        voltage = (torch.arange(-50, 51, dtype=torch.float64) / 100).expand(4, 101)
        current = law.current(voltage, g)
        assert torch.allclose(current, -current.flip(-1), atol=1e-15)
        assert (current[:, 50] == 0).all()
        assert (current[0] == 0).all()
        assert (current.diff(dim=-1)[1:] > 0).all()
        assert (law.differential_conductance(voltage, g)[1:] > 0).all()

    def test_slope_is_the_derivative(self, law):
        voltage = torch.tensor([-0.33, -0.07, 0.0, 0.15, 0.44], dtype=torch.float64, requires_grad=True)
        g = torch.full((5,), 6e-5, dtype=torch.float64)
        (slope,) = torch.autograd.grad(law.current(voltage, g).sum(), voltage)
        assert torch.allclose(slope, law.differential_conductance(voltage, g), rtol=1e-9)

    def test_currents_are_sums_of_its_shapes(self, law):
        voltage = torch.linspace(-0.4, 0.4, 41, dtype=torch.float64)
        shapes = law.shapes(voltage)
        currents = law.current(voltage, torch.tensor([[2e-6], [2e-5], [6e-5], [2e-4]], dtype=torch.float64))
        left = currents - currents @ torch.linalg.pinv(shapes) @ shapes
        assert left.abs().max() < 1e-9 * currents.abs().max()

    def test_gradient_of_the_conductance(self, law):
        voltage = torch.tensor([-0.33, 0.05, 0.15], dtype=torch.float64)
        g = torch.tensor([60.0, 80.0, 130.0], dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda x: law.current(voltage, x * 1e-6) * 1e6, (g,))


def test_the_table_goes_through_its_points():
    for row, g in zip(MEASURED.currents, MEASURED.conductances, strict=True):
        voltage = torch.tensor(MEASURED.voltages, dtype=torch.float64)
        assert torch.allclose(
            MEASURED.current(voltage, torch.full_like(voltage, g)), torch.tensor(row, dtype=torch.float64), rtol=1e-12
        )


def test_the_table_between_and_beyond():
    def at(v, g):
        return float(MEASURED.current(torch.tensor([v], dtype=torch.float64), torch.tensor([g], dtype=torch.float64)))

    assert at(0.15, 10e-6) == pytest.approx(1.6e-6)
    assert at(0.2, 55e-6) == pytest.approx((2.2e-6 + 2.1e-5) / 2)
    assert at(0.2, 5e-6) == pytest.approx(1.1e-6)
    assert at(0.2, 200e-6) == pytest.approx(4.2e-5)
    assert at(0.6, 10e-6) == pytest.approx(7.0e-6 + 1.6e-6)


def test_milo_is_the_published_polynomial():
    v, g = 0.3, 100e-6  # log10(G) = -4
    second = 1.388e-4 * -64 + 1.541e-3 * 16 + 5.711e-3 * -4 + 7.063e-3
    third = 8.871e-5 * 16 + 6.7919e-4 * -4 + 1.2968e-3
    current = MILO.current(torch.tensor([v], dtype=torch.float64), torch.tensor([g], dtype=torch.float64))
    assert float(current) == pytest.approx(g * v + second * v**2 + third * v**3, rel=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"voltages": (0.1, 0.2, 0.3, 0.5)}, "must begin with 0 V"),
        ({"voltages": (0.0, 0.2, 0.2, 0.5)}, "`voltages` must increase strictly"),
        ({"conductances": (1e-6,)}, "one row per conductance, 1. Got 2"),
        ({"currents": ((0.0, 1e-6, 2e-6), (0.0, 1e-6, 2e-6))}, "`currents` must hold exactly 4 numbers"),
        ({"currents": ((0.0, 2e-6, 1e-6, 3e-6),) * 2}, "never fall with voltage"),
        ({"currents": ((1e-6, 2e-6, 3e-6, 4e-6),) * 2}, "must be 0 at 0 V"),
    ],
)
def test_bad_tables_are_refused(change, message):
    good = {"voltages": MEASURED.voltages, "conductances": MEASURED.conductances, "currents": MEASURED.currents}
    with pytest.raises(ValueError, match=message):
        Tabulated(**(good | change))
