"""The arithmetic under the effects, against numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from devices.arithmetic import evaluate_polynomial, interpolate, square_root

NUMBERS = st.floats(-3, 3)


@given(coefficients=st.lists(NUMBERS, min_size=1, max_size=6), x=st.lists(NUMBERS, min_size=1, max_size=8))
def test_polynomial_is_numpy_s(coefficients, x):
    ours = evaluate_polynomial(tuple(coefficients), torch.tensor(x, dtype=torch.float64))
    assert np.allclose(ours, np.polynomial.polynomial.polyval(x, coefficients), atol=1e-9)


@given(
    points=st.dictionaries(st.integers(-50, 50), NUMBERS, min_size=2, max_size=8),
    x=st.lists(st.floats(-60, 60), min_size=1, max_size=8),
)
def test_interpolation_is_numpy_s(points, x):
    knots = tuple(float(knot) for knot in sorted(points))
    values = tuple(points[knot] for knot in sorted(points))
    ours = interpolate(torch.tensor(x, dtype=torch.float64), knots, values)
    assert np.allclose(ours, np.interp(x, knots, values), atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_square_root_has_a_gradient_at_zero(dtype):
    x = torch.tensor([-1.0, 0.0, 1e-12, 4.0], dtype=dtype, requires_grad=True)
    root = square_root(x)
    assert torch.allclose(root.detach(), torch.tensor([0.0, 0.0, 1e-6, 2.0], dtype=dtype), atol=1e-15)
    (gradient,) = torch.autograd.grad(root.sum(), x)
    assert torch.allclose(gradient, torch.tensor([0.0, 0.0, 5e5, 0.25], dtype=dtype))
