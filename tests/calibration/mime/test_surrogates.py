import pytest
import torch

from calibration.mime import AbstractSurrogate, LongTailedSurrogate, Threshold, TriangularSurrogate

SURROGATES = {
    "triangular": TriangularSurrogate(),
    "unit triangle": TriangularSurrogate(height=1.0, width=1.0),
    "narrow triangle": TriangularSurrogate(height=4.0, width=0.25),
    "long-tailed": LongTailedSurrogate(),
    "wide long-tailed": LongTailedSurrogate(width=3.0),
}
AREA = {"triangular": 0.3, "unit triangle": 1.0, "narrow triangle": 1.0, "long-tailed": 1.44, "wide long-tailed": 1.44}


@pytest.mark.parametrize("name", SURROGATES)
class TestEverySurrogate:
    def test_it_is_a_value_and_a_pulse(self, name):
        surrogate = SURROGATES[name]
        assert isinstance(surrogate, AbstractSurrogate)
        assert hash(surrogate) == hash(type(surrogate)(**vars(surrogate)))
        for dtype in (torch.float32, torch.float64):
            u = torch.linspace(-6, 6, 120_001, dtype=dtype)
            slope = surrogate.slope(u)
            assert slope.dtype == dtype
            assert slope.shape == u.shape
            assert (slope >= 0).all()
            torch.testing.assert_close(slope, slope.flip(0))
            assert (slope[u.abs() > surrogate.width + 1e-4] == 0).all()
            assert slope.argmax() == len(u) // 2
            assert float(torch.trapezoid(slope.double(), u.double())) == pytest.approx(AREA[name], rel=1e-3)

    def test_gradients_are_those_of_the_formula(self, name):
        surrogate = SURROGATES[name]
        y = torch.randn(50, 7, dtype=torch.float64, requires_grad=True)
        threshold = Threshold((7,), surrogate=surrogate, input_gradient="value").double()
        threshold.threshold.data.uniform_(0, 1)
        weight = torch.randn(50, 7, dtype=torch.float64)
        (threshold(y) * weight).sum().backward()
        t, v = threshold.threshold.detach(), y.detach()
        pulse = surrogate.slope(v - t)
        torch.testing.assert_close(y.grad, weight * ((v >= t) + v * pulse))
        torch.testing.assert_close(threshold.threshold.grad, (-weight * v * pulse).sum(0))


def test_a_pulse_of_unit_area_gives_the_jump_its_height():
    """Integrated over y, the gradient is the difference of the activation: the surrogate spreads the jump, no more."""
    y = torch.linspace(-3, 5, 400_001, dtype=torch.float64, requires_grad=True)
    for t in (0.0, 0.3, 1.1):
        threshold = Threshold((), surrogate=SURROGATES["unit triangle"], initial=t).double()
        gradient = torch.autograd.grad(threshold(y).sum(), y)[0]
        assert float(torch.trapezoid(gradient, y.detach())) == pytest.approx(5.0, abs=1e-4)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan")])
def test_sizes_must_be_positive(bad):
    for surrogate in (TriangularSurrogate, LongTailedSurrogate):
        with pytest.raises(ValueError, match="`width` must be"):
            surrogate(width=bad)
    with pytest.raises(ValueError, match="`height` must be"):
        TriangularSurrogate(height=bad)
