"""What every neuron does, whatever its dynamics: a new one joins by its row."""

import copy
import pickle

import pytest
import torch

import crossbar as xb
from crossbar.spiking import FastSigmoidSurrogate, TriangularSurrogate

NEURONS = {
    "integrate and fire": lambda: xb.IntegrateAndFire(),
    "integrate and fire, hard reset": lambda: xb.IntegrateAndFire(0.75, reset="zero"),
    "integrate and fire, own thresholds": lambda: xb.IntegrateAndFire(
        torch.tensor([0.5, 1.0, 2.0]), surrogate=TriangularSurrogate()
    ),
    "leaky": lambda: xb.LeakyIntegrateAndFire(0.8, 0.5),
    "leaky, hard reset": lambda: xb.LeakyIntegrateAndFire(torch.tensor([0.5, 0.9, 1.0]), reset="zero"),
    "leaky, fast sigmoid": lambda: xb.LeakyIntegrateAndFire(surrogate=FastSigmoidSurrogate()),
    "ternary": lambda: xb.TernaryIntegrateAndFire(0.5, highest=4),
    "ternary, both signs": lambda: xb.TernaryIntegrateAndFire(0.5, highest=4, lowest=-4),
}
CURRENTS = torch.randn(12, 5, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture(params=NEURONS)
def neuron(request):
    return NEURONS[request.param]()


def train_of(neuron, currents):
    return torch.stack([neuron(current) for current in currents])


def test_spikes_have_the_shape_and_type_of_the_current(neuron):
    for dtype in (torch.float32, torch.float64):
        xb.reset_state(neuron)
        spikes = train_of(neuron.to(dtype), CURRENTS.to(dtype))
        assert spikes.shape == CURRENTS.shape
        assert spikes.dtype == dtype
        ternary = isinstance(neuron, xb.TernaryIntegrateAndFire)
        height = neuron.threshold if ternary else 1.0
        assert set((spikes / height).unique().tolist()) == ({-1.0, 0.0, 1.0} if ternary else {0.0, 1.0})


def test_reset_starts_anew(neuron):
    first = train_of(neuron, CURRENTS)
    assert not torch.equal(train_of(neuron, CURRENTS), first)
    xb.reset_state(neuron)
    assert torch.equal(train_of(neuron, CURRENTS), first)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda neuron: pickle.loads(pickle.dumps(neuron))])
def test_copies_go_on_where_they_were_and_apart(neuron, copied):
    train_of(neuron, CURRENTS[:6])
    twin = copied(neuron)
    expected = train_of(neuron, CURRENTS[6:])
    assert torch.equal(train_of(twin, CURRENTS[6:]), expected)


def test_a_copy_can_be_made_while_gradients_are_kept(neuron):
    current = CURRENTS[0].clone().requires_grad_()
    neuron(current)
    twin = copy.deepcopy(neuron)
    assert torch.equal(twin(CURRENTS[1]), neuron(CURRENTS[1]))


def test_checkpoints_hold_no_state_and_leave_it_as_it_is(neuron):
    fresh = neuron.state_dict()
    train_of(neuron, CURRENTS[:6])
    twin = copy.deepcopy(neuron)
    assert list(neuron.state_dict()) == list(fresh)
    neuron.load_state_dict(fresh)
    assert torch.equal(train_of(neuron, CURRENTS[6:]), train_of(twin, CURRENTS[6:]))


def test_another_batch_needs_a_reset(neuron):
    neuron(CURRENTS[0])
    with pytest.raises(ValueError, match=r"`x` must have the shape of the time step before, \(5, 3\). Got \(2, 3\)"):
        neuron(CURRENTS[0, :2])
    xb.reset_state(neuron)
    assert neuron(CURRENTS[0, :2]).shape == (2, 3)


def test_state_follows_to_another_type(neuron):
    neuron(CURRENTS[0])
    assert neuron.double()(CURRENTS[1].double()).dtype == torch.float64


def test_samples_do_not_know_of_each_other(neuron):
    together = train_of(neuron, CURRENTS)
    xb.reset_state(neuron)
    assert torch.equal(train_of(neuron, CURRENTS[:, 1:2]), together[:, 1:2])


def test_samples_can_leave(neuron):
    together = train_of(copy.deepcopy(neuron), CURRENTS)
    train_of(neuron, CURRENTS[:6])
    chosen = torch.tensor([True, False, False, True, True])
    neuron.keep(chosen)
    assert torch.equal(train_of(neuron, CURRENTS[6:, chosen]), together[6:, chosen])


def test_gradients_of_spikes_are_finite_and_reach_earlier_steps(neuron):
    currents = CURRENTS.clone().requires_grad_()
    spikes = train_of(neuron, currents)
    if isinstance(neuron, xb.TernaryIntegrateAndFire):
        assert not spikes.requires_grad
        return
    (gradient,) = torch.autograd.grad(spikes[-1].sum(), currents)
    assert gradient.isfinite().all()
    assert gradient[-1].abs().sum() > 0
    assert gradient[-2].abs().sum() > 0


@pytest.mark.parametrize("current", [torch.ones(2, dtype=torch.int64), [1.0], None])
def test_other_currents_are_refused(neuron, current):
    with pytest.raises(TypeError, match="floating-point type"):
        neuron(current)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: xb.IntegrateAndFire(0.0), "threshold"),
        (lambda: xb.IntegrateAndFire(torch.tensor([1.0, float("nan")])), "threshold"),
        (lambda: xb.IntegrateAndFire("1"), "threshold"),
        (lambda: xb.IntegrateAndFire(reset="soft"), "reset"),
        (lambda: xb.IntegrateAndFire(surrogate=1), "surrogate"),
        (lambda: xb.LeakyIntegrateAndFire(1.5), "decay"),
        (lambda: xb.LeakyIntegrateAndFire(0.0), "decay"),
        (lambda: xb.TernaryIntegrateAndFire(-1.0), "threshold"),
        (lambda: xb.TernaryIntegrateAndFire(highest=0), "highest"),
        (lambda: xb.TernaryIntegrateAndFire(lowest=1), "lowest"),
        (lambda: xb.QuantisedReLU(0), "levels"),
        (lambda: xb.QuantisedReLU(maximum=0.0), "maximum"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make, field):
    with pytest.raises((TypeError, ValueError), match=f"`{field}` must") as refusal:
        make()
    assert refusal.value.field == field


def test_a_print_shows_the_settings():
    assert "threshold=0.75, reset='zero'" in repr(xb.IntegrateAndFire(0.75, reset="zero"))
    assert "tensor (3,)" in repr(NEURONS["integrate and fire, own thresholds"]())
    assert "counts -4 to 4" in repr(NEURONS["ternary, both signs"]())
    assert "levels=15, maximum=6" in repr(xb.QuantisedReLU(maximum=6.0))
