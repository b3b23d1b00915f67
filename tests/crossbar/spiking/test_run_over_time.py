"""Runs over time steps: codings, early exits, means of outputs, neurons of other libraries."""

import pytest
import torch
from torch import nn

import crossbar as xb
from tests.crossbar.spiking.networks import exact
from tests.crossbar.spiking.test_conversion import prepared


def leaky():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), xb.LeakyIntegrateAndFire(), nn.Linear(16, 3), xb.IntegrateAndFire())


def test_other_networks_answer_by_the_mean_of_their_outputs():
    model, x = leaky(), torch.randn(5, 4)
    course = xb.run_over_time(model, x, 7)
    xb.reset_state(model)
    outputs = torch.stack([model(x) for _ in range(7)])
    torch.testing.assert_close(course.outputs[3], outputs[:4].mean(0))
    torch.testing.assert_close(course.answer, outputs.mean(0))
    assert course.outputs.shape == (7, 5, 3)
    assert not course.settled
    assert course.exit_step.tolist() == [7] * 5


def test_every_run_starts_afresh_whatever_ran_before():
    model, x = leaky(), torch.randn(5, 4)
    first = xb.run_over_time(model, x, 6).outputs
    xb.run_over_time(model, x[:2], 3)
    assert torch.equal(xb.run_over_time(model, x, 6).outputs, first)


def test_rate_coding_sends_spikes_whose_mean_is_the_input():
    torch.manual_seed(0)
    seen = []
    model = nn.Sequential(nn.Identity())
    model[0].register_forward_hook(lambda _, given, output: seen.append(given[0]))
    x = torch.tensor([[0.5, -1.0, 2.0], [0.0, 0.1, -0.4]])
    course = xb.run_over_time(model, x, 4000, coding="rate")
    assert set(torch.stack(seen)[:, 0].abs().unique().tolist()) == {0.0, 2.0}
    # Five standard errors of a spike's mean, at most 2 * 0.5 / sqrt(4000) each.
    assert float((course.answer - x).abs().max()) < 5 * 2 * 0.5 / 4000**0.5
    assert float(course.answer[1, 0]) == 0


def test_rate_coding_of_a_converted_network_tends_to_its_answer():
    torch.manual_seed(0)
    quantised, x = prepared("multilayer")
    spiking = xb.spiking_from_quantised(quantised)
    ten_times = x.repeat(10, *[1] * (x.dim() - 1))
    exact_answer = xb.run_over_time(spiking, ten_times, 100).answer

    def error(steps):
        return float(
            (xb.run_over_time(spiking, ten_times, steps, coding="rate").answer - exact_answer).square().mean().sqrt()
        )

    assert error(2000) < 0.5 * error(20)


def test_samples_leave_with_the_answer_they_had():
    torch.manual_seed(0)
    quantised, _ = prepared("multilayer")
    quantised[-1].weight.data.mul_(16)
    spiking, x = xb.spiking_from_quantised(quantised), torch.randn(40, 4).double()
    whole = xb.run_over_time(spiking, x, 60)
    level = float(whole.answer.softmax(-1).amax(-1).median())
    early = xb.run_over_time(spiking, x, 60, exit_confidence=level)
    assert 1 <= int(early.exit_step.min()) < int(early.exit_step.max()) <= len(whole.outputs)
    for sample, step in enumerate(early.exit_step.tolist()):
        confident = whole.outputs[:, sample].softmax(-1).amax(-1) >= level
        expected = int(confident.int().argmax()) + 1 if bool(confident.any()) else len(early.outputs)
        assert step == expected
        assert torch.equal(early.answer[sample], whole.outputs[min(step, len(whole.outputs)) - 1, sample])


def test_samples_of_other_networks_leave_too():
    model, x = leaky().eval(), 9 * torch.randn(30, 4)
    whole = xb.run_over_time(model, x, 12).outputs
    early = xb.run_over_time(model, x, 12, exit_confidence=0.4)
    for sample, step in enumerate(early.exit_step.tolist()):
        torch.testing.assert_close(early.answer[sample], whole[step - 1, sample])
    assert int(early.exit_step.min()) < 12


def test_samples_that_left_are_not_computed():
    quantised, x = prepared("multilayer")
    spiking = xb.spiking_from_quantised(quantised)
    sizes = []
    spiking[0].layer.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    xb.run_over_time(spiking, x, 60, exit_confidence=0.0)
    assert sizes == [3]


class Remembering(nn.Module):
    """A neuron that sums, as spikingjelly keeps its memory."""

    def __init__(self, step_mode="s"):
        super().__init__()
        self._memories, self.step_mode = {"v": 0.0}, step_mode

    def reset(self):
        self._memories = {"v": 0.0}

    def forward(self, x):
        if self.step_mode == "m":
            return torch.stack([self.step(one) for one in x])
        return self.step(x)

    def step(self, x):
        self._memories["v"] = self._memories["v"] + x
        return (self._memories["v"] >= 1).to(x.dtype)


class Hidden(nn.Module):
    """A neuron that sums, as snnTorch keeps its memory and hands it on."""

    def __init__(self):
        super().__init__()
        self.reset_mem()

    def reset_mem(self):
        self.mem = torch.zeros(0)

    def forward(self, x):
        self.mem = x.clone() if self.mem.shape != x.shape else self.mem + x
        return (self.mem >= 1).to(x.dtype), self.mem


@pytest.mark.parametrize("neuron", [Remembering, lambda: Remembering("m"), Hidden])
def test_neurons_of_other_libraries_are_known_by_their_methods(neuron):
    model, x = nn.Sequential(neuron()), torch.tensor([[0.3, 1.0, 0.0]])
    for _ in range(2):
        course = xb.run_over_time(model, x, 5, exit_confidence=1.0)
        assert course.outputs.shape == (5, 1, 3)
        torch.testing.assert_close(course.answer, torch.tensor([[0.4, 1.0, 0.0]]))


@pytest.mark.parametrize("neuron", [Remembering, Hidden, xb.IntegrateAndFire])
def test_models_that_have_just_been_trained_are_converted(neuron):
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(4, 3), neuron()), torch.rand(2, 4)
    model(x)
    analog = xb.convert_to_analog(model, xb.CrossbarConfig())
    xb.program_analog_weights(analog, seed=0)
    assert xb.run_over_time(analog.eval(), x, 3).answer.shape == (2, 3)


def test_a_run_as_a_module_is_an_ordinary_network():
    quantised, x = prepared("multilayer")
    spiking = xb.spiking_from_quantised(quantised)
    whole = xb.OverTime(spiking, steps=50)
    assert torch.equal(whole(x), quantised(x))
    assert torch.equal(whole(x[:2]), quantised(x[:2]))
    assert "steps=50" in repr(whole)


def test_networks_with_surrogates_learn_over_time():
    torch.manual_seed(0)
    x = torch.randn(128, 4)
    labels = (x[:, 0] > 0).long()
    model = xb.OverTime(leaky(), steps=8)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(4 * model(x), labels)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_progress_is_shown_on_request(capsys):
    xb.run_over_time(leaky(), torch.randn(2, 4), 3, progress=True)
    assert "time steps" in capsys.readouterr().err
    xb.run_over_time(leaky(), torch.randn(2, 4), 3)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"steps": 0}, "`steps` must be >= 1"), ({"steps": 2, "exit_confidence": 1.5}, "`exit_confidence` must lie in")],
)
def test_runs_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        xb.run_over_time(leaky(), torch.randn(2, 4), **settings)
    with pytest.raises(ValueError, match=message):
        xb.OverTime(leaky(), **settings)


def test_weights_stay_as_they_are():
    model = exact(leaky())
    before = [parameter.clone() for parameter in model.parameters()]
    xb.run_over_time(model, torch.randn(2, 4).double(), 3)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
