import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.mime import LongTailedSurrogate, Threshold

SHAPES = [((4,), "neuron", (4,)), ((3, 5, 2), "neuron", (3, 5, 2)), ((3, 5, 2), "channel", (3, 1, 1))]
SHAPES += [((3, 5, 2), "layer", (1, 1, 1)), ((4,), "layer", (1,)), ((4,), "channel", (4,))]


@pytest.mark.parametrize(("neurons", "granularity", "shape"), SHAPES)
class TestEveryGranularity:
    def test_zero_is_relu(self, neurons, granularity, shape):
        threshold = Threshold(neurons, granularity=granularity)
        assert threshold.threshold.shape == shape
        y = torch.randn(6, *neurons)
        y.flatten()[:5] = torch.tensor([0.0, -0.0, float("inf"), -float("inf"), float("nan")])
        a, b = y.clone().requires_grad_(), y.clone().requires_grad_()
        out, expected = threshold(a), torch.relu(b)
        torch.testing.assert_close(out, expected, rtol=0, atol=0, equal_nan=True)
        weight = torch.randn_like(y)
        out.backward(weight)
        expected.backward(weight)
        finite = ~y.isnan()
        assert torch.equal(a.grad[finite], b.grad[finite])

    def test_values_below_are_zero_and_others_pass(self, neurons, granularity, shape):
        threshold = Threshold(neurons, granularity=granularity, initial=0.5)
        y = torch.randn(20, *neurons)
        assert torch.equal(threshold(y), y * (y >= 0.5))

    def test_the_gradient_reaches_every_threshold(self, neurons, granularity, shape):
        threshold = Threshold(neurons, granularity=granularity, surrogate=LongTailedSurrogate())
        threshold(torch.rand(50, *neurons)).sum().backward()
        assert threshold.threshold.grad.shape == shape
        assert (threshold.threshold.grad < 0).all()

    def test_state_and_copies(self, neurons, granularity, shape):
        threshold = Threshold(neurons, granularity=granularity, initial=0.2)
        again = Threshold(neurons, granularity=granularity)
        again.load_state_dict(copy.deepcopy(threshold).state_dict())
        y = torch.randn(3, *neurons)
        assert torch.equal(again(y), threshold(y))
        assert threshold.double()(y.double()).dtype == torch.float64


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 3), st.floats(0, 3), st.integers(0, 1000))
def test_higher_thresholds_zero_more(low, high, seed):
    y = torch.randn(4, 9, generator=torch.Generator().manual_seed(seed))
    low, high = sorted((low, high))
    passed = [Threshold((9,), initial=t)(y) != 0 for t in (low, high)]
    assert (passed[0] | ~passed[1]).all()


def test_a_negative_threshold_acts_as_zero_and_can_come_back():
    threshold = Threshold((5,))
    threshold.threshold.data.fill_(-0.2)
    y = torch.randn(40, 5)
    assert torch.equal(threshold(y), torch.relu(y))
    threshold(y).sum().backward()
    assert (threshold.threshold.grad != 0).all()
    threshold.project()
    assert (threshold.threshold == 0).all()


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"`initial` must be >= 0\. Got -1"):
        Threshold((3,), initial=-1.0)
    with pytest.raises(ValueError, match="`granularity` must be one of"):
        Threshold((3,), granularity="pixel")
    with pytest.raises(ValueError, match="`input_gradient` must be one of"):
        Threshold((3,), input_gradient="none")
    with pytest.raises(ValueError, match=r"`y` must be \(batch, 3, 4, 4\)"):
        Threshold((3, 4, 4))(torch.zeros(2, 3, 5, 5))
