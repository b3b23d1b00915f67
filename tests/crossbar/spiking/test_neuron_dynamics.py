"""Neurons against closed forms and against their published rules, written out."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import crossbar as xb
from crossbar.spiking import ArctangentSurrogate, FastSigmoidSurrogate, TriangularSurrogate


def train_of(neuron, current, steps):
    return [float(neuron(torch.tensor([current], dtype=torch.float64))) for _ in range(steps)]


@given(sixteenths=st.integers(0, 16), steps=st.integers(1, 60))
def test_a_constant_current_fires_at_its_rate(sixteenths, steps):
    spikes = train_of(xb.IntegrateAndFire(1.0), sixteenths / 16, steps)
    assert sum(spikes) == sixteenths * steps // 16


@given(sixteenths=st.integers(1, 16), steps=st.integers(1, 60))
def test_a_hard_reset_forgets_what_was_above_the_threshold(sixteenths, steps):
    spikes = train_of(xb.IntegrateAndFire(1.0, reset="zero"), sixteenths / 16, steps)
    assert sum(spikes) == steps // math.ceil(16 / sixteenths)


def test_a_leaky_membrane_is_a_geometric_sum_until_it_fires():
    neuron, current, decay = xb.LeakyIntegrateAndFire(0.5, 1.0).double(), 0.75, 0.5
    spikes = train_of(neuron, current, 2)  # 0.75, 1.125: fires in the second step
    assert spikes == [0.0, 1.0]
    assert float(neuron.membrane) == pytest.approx(0.125, abs=1e-12)
    silent = xb.LeakyIntegrateAndFire(0.5, 1.0).double()
    assert sum(train_of(silent, 0.499, 50)) == 0
    assert float(silent.membrane) == pytest.approx(0.499 * (1 - decay**50) / (1 - decay))


def test_membranes_are_none_before_the_first_step():
    assert xb.IntegrateAndFire().membrane is None
    assert xb.TernaryIntegrateAndFire().count is None


def published(currents, threshold, lowest, highest):
    """Return the spikes of SpikeZIP's neuron, written as the paper has it, in exact fractions."""
    membrane, count, spikes = Fraction(1, 2), 0, []
    for current in currents:
        membrane += Fraction(current) / Fraction(threshold)
        spike = 1 if membrane >= 1 and count < highest else -1 if membrane < 0 and count > lowest else 0
        membrane, count = membrane - spike, count + spike
        spikes.append(spike)
    return spikes


@given(
    sixteenths=st.lists(st.integers(-80, 80), min_size=1, max_size=30),
    threshold=st.sampled_from([0.25, 1.0, 2.0]),
    highest=st.integers(1, 6),
    lowest=st.integers(-6, 0),
)
def test_ternary_spikes_are_those_of_the_paper_and_end_at_the_quantised_sum(sixteenths, threshold, highest, lowest):
    silence = 2 * (highest - lowest) + 2
    currents = [number / 16 for number in sixteenths] + [0.0] * silence
    neuron = xb.TernaryIntegrateAndFire(threshold, highest=highest, lowest=lowest).double()
    spikes = [float(neuron(torch.tensor([current], dtype=torch.float64))) / threshold for current in currents]
    assert spikes == published(currents, threshold, lowest, highest)
    level = math.floor(sum(map(Fraction, currents)) / Fraction(threshold) + Fraction(1, 2))
    assert sum(spikes) == min(max(level, lowest), highest) == float(neuron.count)


SURROGATES = {
    "arctangent": (ArctangentSurrogate(sharpness=3.0), lambda u: 1.5 / (1 + (math.pi * 1.5 * u) ** 2)),
    "fast sigmoid": (FastSigmoidSurrogate(sharpness=4.0), lambda u: 1 / (1 + 4 * abs(u)) ** 2),
    "triangular": (TriangularSurrogate(width=0.5), lambda u: max(0.0, 1 - abs(u) / 0.5) / 0.5),
}


@pytest.fixture(params=SURROGATES)
def surrogate(request):
    return SURROGATES[request.param]


def test_a_surrogate_is_the_derivative_it_says(surrogate):
    rule, derivative = surrogate
    excess = torch.linspace(-1.3, 1.3, 40, dtype=torch.float64).requires_grad_()
    spikes = rule.spikes(excess)
    assert torch.equal(spikes, (excess >= 0).double())
    (gradient,) = torch.autograd.grad(spikes.sum(), excess)
    expected = torch.tensor([derivative(u) for u in excess.tolist()], dtype=torch.float64)
    torch.testing.assert_close(gradient, expected)


def test_a_surrogate_is_the_slope_of_a_step_of_height_one_at_most(surrogate):
    rule, _ = surrogate
    excess = torch.linspace(-0.9, 0.9, 37, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(rule.smooth, excess)
    far = rule.smooth(torch.tensor([-1e6, 1e6], dtype=torch.float64))
    assert 0 < float(far[1] - far[0]) <= 1 + 1e-9


def test_without_gradients_a_spike_is_all_there_is(surrogate):
    rule, _ = surrogate
    with torch.no_grad():
        assert not rule.spikes(torch.zeros(3, requires_grad=True)).requires_grad


def test_gradients_run_back_through_membrane_and_not_through_reset():
    neuron = xb.LeakyIntegrateAndFire(0.5, 1.0, surrogate=TriangularSurrogate(width=1.0)).double()
    first = torch.tensor([1.25], dtype=torch.float64, requires_grad=True)
    neuron(first)  # fires; 0.25 is left
    spikes = neuron(torch.tensor([0.5], dtype=torch.float64))  # membrane 0.625
    (gradient,) = torch.autograd.grad(spikes.sum(), first)
    assert float(gradient) == pytest.approx(0.5 * 0.625)  # decay times the triangle at -0.375
