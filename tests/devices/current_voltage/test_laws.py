import pytest
import torch

from devices.current_voltage import Ohmic, OwnFunction, Sinh

LAWS = {
    "ohmic": Ohmic(),
    "sinh": Sinh(v0=0.25),
    "own": OwnFunction(law=lambda v, g: g * (v + v**3), derivative=lambda v, g: g * (1 + 3 * v**2)),
}
CONDUCTANCE = torch.tensor([1e-6, 1e-5, 1e-4], dtype=torch.float64)


@pytest.fixture(params=LAWS)
def law(request):
    return LAWS[request.param]


def test_no_voltage_no_current(law):
    assert law.current(torch.zeros(3, dtype=torch.float64), CONDUCTANCE).abs().max() == 0


def test_conductance_is_the_slope_at_zero(law):
    slope = law.differential_conductance(torch.zeros(3, dtype=torch.float64), CONDUCTANCE)
    assert torch.allclose(slope, CONDUCTANCE)


def test_differential_conductance_is_the_derivative(law):
    voltage = torch.linspace(-1, 1, 21, dtype=torch.float64).unsqueeze(-1).repeat(1, 3).requires_grad_()
    (slope,) = torch.autograd.grad(law.current(voltage, CONDUCTANCE).sum(), voltage)
    stated = law.differential_conductance(voltage.detach(), CONDUCTANCE)
    assert torch.allclose(stated, slope, rtol=1e-12)
    assert bool((slope > 0).all())
    assert stated.shape == voltage.shape


def test_bad_scale():
    with pytest.raises(ValueError, match="`v0` must be > 0"):
        Sinh(v0=0.0)
