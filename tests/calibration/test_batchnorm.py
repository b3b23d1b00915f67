import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from calibration import adapt_batchnorm
from crossbar.examples import accuracy
from tests.calibration.model_states import batchnorm_names, moved, snapshot

KINDS = {
    "1d": (nn.BatchNorm1d, (5,)),
    "1d sequence": (nn.BatchNorm1d, (5, 7)),
    "2d": (nn.BatchNorm2d, (5, 4, 3)),
    "3d": (nn.BatchNorm3d, (5, 2, 3, 2)),
    "sync": (nn.SyncBatchNorm, (5, 4, 3)),
}


@pytest.mark.parametrize("kind", KINDS)
@given(sizes=st.lists(st.integers(2, 9), min_size=1, max_size=5), shift=st.floats(-100, 100), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_exact_statistics_count_every_value_once(kind, sizes, shift, seed):
    cls, shape = KINDS[kind]
    norm = cls(5)
    generator = torch.Generator().manual_seed(seed)
    batches = [3 * torch.randn(n, *shape, generator=generator) + shift for n in sizes]
    adapt_batchnorm(norm, batches)
    values = torch.cat(batches).transpose(0, 1).flatten(1).double()
    torch.testing.assert_close(norm.running_mean.double(), values.mean(1), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(norm.running_var.double(), values.var(1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_momentum_form_is_that_of_training(kind):
    cls, shape = KINDS[kind]
    ours, theirs = cls(5), cls(5, momentum=0.3)
    batches = [torch.randn(6, *shape) + 2 for _ in range(4)]
    adapt_batchnorm(ours, batches, momentum=0.3)
    theirs.train()
    for batch in batches:
        theirs(batch)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours.running_var, theirs.running_var, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_layers_behind_see_what_training_would_show_them(memory_format):
    model = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval()
    theirs = copy.deepcopy(model).train()
    batch = (2 * torch.randn(6, 3, 5, 5) + 1).to(memory_format=memory_format)
    adapt_batchnorm(model, [batch], momentum=1.0)
    for norm in (theirs[0], theirs[3]):
        norm.momentum = 1.0
    theirs(batch)
    torch.testing.assert_close(model[3].running_mean, theirs[3].running_mean, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(model[3].running_var, theirs[3].running_var, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("momentum", [None, 0.1])
def test_only_statistics_move(programmed, digits, momentum):
    analog = programmed()
    before, modes = snapshot(analog), [m.training for m in analog.modules()]
    adapt_batchnorm(analog, digits.batches(), momentum=momentum)
    assert moved(analog, before) == batchnorm_names(analog, "running_mean", "running_var")
    assert [m.training for m in analog.modules()] == modes


def test_adaptation_wins_accuracy_back_from_wires(programmed, digits):
    from tests.calibration.conftest import PAPER_WIRES

    analog = programmed(wires=PAPER_WIRES)
    before = accuracy(analog, digits.test)
    adapt_batchnorm(analog, digits.batches())
    assert before < 0.5
    assert accuracy(analog, digits.test) > accuracy(digits.model, digits.test) - 0.03


def test_mappings_tuples_and_tensors_are_the_same_data(programmed, digits):
    images = digits.train.images[:64]
    states = []
    for batch in (images, (images, None), [images], {"x": images}, {"image": images}):
        analog = programmed()
        adapt_batchnorm(analog, [batch])
        states.append(analog[1].running_mean)
    assert all(torch.equal(states[0], other) for other in states)


def test_a_model_without_batchnorm_is_told_the_alternatives():
    with pytest.raises(ValueError, match=r"fit_output_affine.*finetune"):
        adapt_batchnorm(nn.Linear(2, 2), [torch.zeros(1, 2)])
    with pytest.raises(ValueError, match="running statistics"):
        adapt_batchnorm(nn.BatchNorm1d(2, track_running_stats=False), [torch.zeros(3, 2)])


@pytest.mark.parametrize("momentum", [None, 0.1])
@pytest.mark.parametrize(
    ("batches", "error", "message"),
    [
        ([], ValueError, "at least one batch"),
        ([torch.randn(3, 2), torch.randn(1, 2)], ValueError, "more than one value per channel"),
        ([torch.randn(3, 2), 5.0], TypeError, "Got float"),
        ([torch.randn(3, 2), {"z": 1}], TypeError, "keys"),
    ],
)
def test_bad_batches_leave_the_statistics_as_they_were(batches, error, message, momentum):
    norm = nn.BatchNorm1d(2)
    with pytest.raises(error, match=message):
        adapt_batchnorm(norm, batches, momentum=momentum)
    assert torch.equal(norm.running_mean, torch.zeros(2))
    assert torch.equal(norm.running_var, torch.ones(2))
    assert not norm._forward_pre_hooks


@pytest.mark.parametrize("momentum", [-0.1, 1.5, float("nan")])
def test_a_momentum_that_cannot_be(momentum):
    with pytest.raises(ValueError, match="`momentum` must"):
        adapt_batchnorm(nn.BatchNorm1d(2), [torch.zeros(3, 2)], momentum=momentum)


def test_a_batchnorm_that_is_not_reached_keeps_its_statistics():
    model = nn.Module()
    model.used, model.unused = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    model.forward = model.used.forward
    model.unused.running_mean.fill_(3.0)
    adapt_batchnorm(model, [torch.randn(8, 2)])
    assert torch.equal(model.unused.running_mean, torch.full((2,), 3.0))
