"""Recurrent networks and attention, rebuilt around analog layers."""

import copy

import pytest
import torch
from torch import nn

import crossbar as xb

FINE = xb.CrossbarConfig(mapping=xb.MappingConfig(weight_bits=14, cell_bits=7), inputs=xb.InputConfig(bits=None))
NOISY = xb.CrossbarConfig(device=xb.devices.RRAM)
RECURRENT = {
    "rnn": lambda: nn.RNN(5, 7),
    "relu rnn, no bias": lambda: nn.RNN(5, 7, nonlinearity="relu", bias=False),
    "gru, two layers, both directions": lambda: nn.GRU(5, 7, num_layers=2, bidirectional=True),
    "lstm, batch first": lambda: nn.LSTM(5, 7, batch_first=True),
    "lstm, projected, both directions": lambda: nn.LSTM(5, 7, proj_size=3, num_layers=2, bidirectional=True),
}
ATTENTION = {
    "joint": {},
    "batch first, no bias": {"batch_first": True, "bias": False},
    "own key and value sizes": {"kdim": 6, "vdim": 10},
    "learnt key and value": {"add_bias_kv": True, "add_zero_attn": True},
}


def programmed(module, config=FINE):
    torch.manual_seed(1)
    analog = xb.convert_to_analog(module, config).eval()
    xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(0))
    return analog


def assert_alike(actual, expected):
    for one, other in zip(flatten(actual), flatten(expected), strict=True):
        torch.testing.assert_close(one, other, rtol=2e-3, atol=2e-3)


def flatten(value):
    if value is None:
        return []
    return [value] if isinstance(value, torch.Tensor) else [leaf for part in value for leaf in flatten(part)]


@pytest.fixture(params=RECURRENT)
def recurrent(request):
    torch.manual_seed(0)
    return RECURRENT[request.param]().eval()


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_recurrent_networks_match_the_digital_ones(recurrent):
    analog = programmed(recurrent)
    x = torch.rand(4, 4, 5) - 0.5
    output, state = recurrent(x)
    assert_alike(analog(x), (output, state))
    assert_alike(analog(x, state), recurrent(x, state))
    assert_alike(analog(x[:, 0]), recurrent(x[:, 0]))


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_recurrent_networks_come_back(recurrent):
    x = torch.rand(4, 4, 5)
    digital = xb.convert_to_digital(xb.convert_to_analog(recurrent, NOISY))
    assert type(digital) is type(recurrent)
    assert_alike(digital(x), recurrent(x))
    assert list(digital.state_dict()) == list(recurrent.state_dict())


def test_recurrent_networks_train_and_copy(recurrent):
    analog = programmed(recurrent, NOISY)
    x = torch.rand(4, 4, 5)
    assert_alike(copy.deepcopy(analog)(x), analog(x))
    analog.train()(x)[0].sum().backward()
    assert all(parameter.grad is not None for parameter in analog.parameters())


def test_packed_sequences_are_refused():
    analog = programmed(nn.LSTM(5, 7))
    packed = nn.utils.rnn.pack_sequence([torch.rand(4, 5), torch.rand(2, 5)])
    with pytest.raises(TypeError, match="pad a packed sequence"):
        analog(packed)


@pytest.mark.parametrize("settings", ATTENTION.values(), ids=ATTENTION)
@pytest.mark.parametrize("need_weights", [True, False])
def test_attention_matches_the_digital_one(settings, need_weights):
    torch.manual_seed(0)
    digital = nn.MultiheadAttention(8, 2, **settings).eval()
    analog = programmed(digital)
    query, key, value = torch.rand(5, 5, 8), torch.rand(5, 5, digital.kdim), torch.rand(5, 5, digital.vdim)
    blocked = torch.zeros(5, 5, dtype=torch.bool)
    blocked[:, -2:] = True
    causal = torch.triu(torch.full((5, 5), -torch.inf), 1)
    for masks in (
        {},
        {"key_padding_mask": blocked},
        {"attn_mask": causal},
        {"attn_mask": blocked, "average_attn_weights": False},
    ):
        arguments = {"need_weights": need_weights, **masks}
        assert_alike(analog(query, key, value, **arguments), digital(query, key, value, **arguments))
    assert_alike(analog(query[:, 0], key[:, 0], value[:, 0]), digital(query[:, 0], key[:, 0], value[:, 0]))
    assert_alike(xb.convert_to_digital(analog)(query, key, value), digital(query, key, value))


@pytest.mark.parametrize("overrides", [{}, {"layers.0.self_attn": None}])
def test_transformer_encoders_read_their_arrays(overrides):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    digital = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).eval()
    x = torch.rand(3, 4, 8)
    with torch.no_grad():
        fine = xb.convert_to_analog(digital, FINE, overrides=overrides).eval()
        xb.program_analog_weights(fine)
        assert_alike(fine(x), digital(x))
        noisy = xb.convert_to_analog(digital, NOISY, overrides=overrides).eval()
        xb.program_analog_weights(noisy)
        assert (noisy(x) - digital(x)).abs().max() > 1e-2


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("settings", [{}, ATTENTION["learnt key and value"]], ids=["joint", "learnt"])
def test_attention_of_an_empty_batch_is_empty(settings, need_weights):
    module = nn.MultiheadAttention(8, 2, batch_first=True, **settings).eval()
    nothing = torch.zeros(0, 3, 8)
    expected, weights = module(nothing, nothing, nothing, need_weights=need_weights)
    output, own = programmed(module)(nothing, nothing, nothing, need_weights=need_weights)
    assert output.shape == expected.shape
    assert getattr(own, "shape", None) == getattr(weights, "shape", None)


def test_recurrent_layers_read_empty_batches():
    for make in RECURRENT.values():
        nothing = torch.zeros(0, 4, 5) if make().batch_first else torch.zeros(4, 0, 5)
        assert programmed(make())(nothing)[0].shape == make()(nothing)[0].shape
