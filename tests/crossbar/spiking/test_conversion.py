"""Spiking networks against the quantised networks that they were made of: equal, to the last bit."""

import copy
import itertools
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import crossbar as xb
from crossbar.spiking import CountingNeuron, EventDrivenLayer
from tests.crossbar.spiking.networks import NETWORKS, exact

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
STEPS = 400
"""More than any of these networks needs."""


def prepared(name, levels=5):
    """Return a quantised network with exact sums, and an input."""
    torch.manual_seed(0)
    make, shape = NETWORKS[name]
    model, x = make(), torch.randn(shape)
    model(torch.randn(16, *shape[1:]))  # statistics of batch norms
    quantised = exact(xb.quantise_activations(model, [torch.randn(16, *shape[1:])], levels=levels))
    return quantised, (x * 16).round().double() / 16


@pytest.fixture(params=NETWORKS)
def case(request):
    return prepared(request.param)


def run(spiking, x, **settings):
    return xb.run_over_time(spiking, x, STEPS, **settings)


def test_the_last_answer_is_that_of_the_quantised_network_bit_for_bit(case):
    quantised, x = case
    course = run(xb.spiking_from_quantised(quantised), x)
    assert course.settled
    assert torch.equal(course.answer, quantised(x))
    assert not torch.equal(course.outputs[0], course.answer)


def test_fewer_steps_are_the_beginning_of_more(case):
    quantised, x = case
    spiking = xb.spiking_from_quantised(quantised)
    whole = run(spiking, x).outputs
    part = xb.run_over_time(spiking, x, 3)
    assert torch.equal(part.outputs, whole[:3])
    assert not part.settled


def test_every_step_sends_spikes_and_nothing_else(case):
    quantised, x = case
    spiking = xb.spiking_from_quantised(quantised)
    sent = []
    for neuron in spiking.modules():
        if isinstance(neuron, CountingNeuron):
            step, before = neuron.activation.step(), {}

            def look(module, _, total, step=step, before=before):
                call = module._calls
                sent.append((total - before.get(call, 0)) / step)
                before[call] = total.clone()

            neuron.register_forward_hook(look)
    run(spiking, x)
    assert {0.0, 1.0} <= set(torch.cat([spikes.flatten() for spikes in sent]).unique().tolist()) <= {-1.0, 0.0, 1.0}


def test_layers_get_changes_only_and_their_bias_once(case):
    quantised, x = case
    spiking = xb.spiking_from_quantised(quantised)
    name, layer = next((n, m) for n, m in spiking.named_modules() if isinstance(m, EventDrivenLayer))
    given = []
    layer.layer.register_forward_pre_hook(lambda _, arguments: given.append(arguments[0].abs().sum()))
    course = run(spiking, x)
    first_calls = len(given) // len(course.outputs)
    assert all(float(amount) == 0 for amount in given[first_calls:])
    assert layer.layer.bias is None
    twin = quantised.get_submodule(name)
    assert (layer.bias is None) == (twin.bias is None)


def test_samples_of_a_batch_are_apart(case):
    quantised, x = case
    spiking = xb.spiking_from_quantised(quantised)
    alone = torch.cat([run(spiking, sample[None]).answer for sample in x])
    assert torch.equal(alone, run(spiking, x).answer)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_in_the_middle_of_a_run_go_on(case, copied):
    quantised, x = case
    spiking = xb.spiking_from_quantised(quantised)
    xb.reset_state(spiking)
    for _ in range(3):
        spiking(x)
    twin = copied(spiking)
    assert torch.equal(twin(x), spiking(x))


def test_checkpoints_load_whatever_ran_before(case):
    quantised, x = case
    spiking = xb.spiking_from_quantised(quantised)
    expected = run(spiking, x).answer
    other = xb.spiking_from_quantised(copy.deepcopy(quantised))
    for parameter in other.parameters():
        parameter.data.mul_(0.5)
    run(other, x[:2])
    other.load_state_dict(spiking.state_dict())
    assert torch.equal(run(other, x).answer, expected)


def test_parameters_are_shared_and_the_quantised_network_stays(case):
    quantised, x = case
    before = quantised(x)
    spiking = xb.spiking_from_quantised(quantised)
    run(spiking, x)
    assert torch.equal(quantised(x), before)
    assert {id(p) for p in spiking.parameters()} == {id(p) for p in quantised.parameters()}


@given(
    widths=st.lists(st.integers(1, 12), min_size=2, max_size=5),
    levels=st.integers(1, 9),
    maximum=st.floats(0.1, 10),
    seed=st.integers(0, 10**6),
)
def test_any_multilayer_network_is_equal(widths, levels, maximum, seed):
    torch.manual_seed(seed)
    layers = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), xb.QuantisedReLU(levels, maximum=maximum)]
    with torch.no_grad():
        for layer in layers[::2]:
            layer.weight.copy_((layer.weight * 300).round() / 64)
            layer.bias.copy_((layer.bias * 300).round() / 64)
    quantised = nn.Sequential(*layers).double()
    x = torch.randint(-64, 64, (4, widths[0])).double() / 16
    course = run(xb.spiking_from_quantised(quantised), x)
    assert course.settled
    assert torch.equal(course.answer, quantised(x))


def test_single_precision_ends_next_to_the_quantised_network():
    quantised, x = prepared("multilayer")
    answer = run(xb.spiking_from_quantised(quantised.float()), x.float()).answer
    torch.testing.assert_close(answer, quantised(x.float()), rtol=1e-5, atol=1e-5)


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 3))

    def forward(self, x):
        return x @ self.weight


RELU = xb.QuantisedReLU
REFUSED = {
    "an activation": (lambda: nn.Sequential(nn.Linear(3, 3), RELU(), nn.Linear(3, 3), nn.GELU()), r"'3' \(GELU\)"),
    "a ReLU left": (lambda: nn.Sequential(nn.Linear(3, 3), RELU(), nn.ReLU()), r"'2' \(ReLU\).*quantise_activations"),
    "attention": (lambda: nn.Sequential(RELU(), nn.MultiheadAttention(4, 2)), r"'1' \(MultiheadAttention\)"),
    "a layer of ones own": (lambda: nn.Sequential(RELU(), nn.Sequential(Odd())), r"'1.0' \(Odd\).*has parameters"),
    "a norm over features": (lambda: nn.Sequential(RELU(), nn.LayerNorm(3)), r"'1' \(LayerNorm\)"),
    "a recurrent layer": (lambda: nn.Sequential(RELU(), nn.GRU(3, 3)), r"'1' \(GRU\).*state is not quantised"),
}


@pytest.mark.parametrize("refused", REFUSED)
def test_a_layer_that_cannot_be_converted_is_named(refused):
    make, message = REFUSED[refused]
    with pytest.raises(TypeError, match=f"Layer {message}"):
        xb.spiking_from_quantised(make())


def test_models_that_are_something_else_are_refused():
    quantised, _ = prepared("multilayer")
    with pytest.raises(ValueError, match="no quantised activation"):
        xb.spiking_from_quantised(nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(ValueError, match="must not be spiking yet"):
        xb.spiking_from_quantised(xb.spiking_from_quantised(quantised))
    analog = xb.convert_to_analog(quantised.float(), xb.CrossbarConfig())
    with pytest.raises(ValueError, match=r"must be digital\. Got analog layers: 0, 2, 4"):
        xb.spiking_from_quantised(analog)
    assert xb.spiking_from_quantised(xb.convert_to_digital(analog)) is not None
