"""Conversion changes no function quietly: what it cannot keep, it leaves digital or refuses."""

import copy
import warnings
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, prune

import crossbar as xb

CONFIG = xb.CrossbarConfig()
OTHER = replace(CONFIG, mapping=xb.MappingConfig(weight_bits=4))


class Scaled(nn.Linear):
    """A subclass with a function of its own."""

    def forward(self, x):
        return 3 * super().forward(x)


class Standardised(nn.Conv2d):
    """A subclass that convolves with other weights."""

    def _conv_forward(self, x, weight, bias):
        return super()._conv_forward(x, weight - weight.mean(), bias)


class Renamed(nn.Linear):
    """A subclass that only holds more."""

    def __init__(self, *args, note):
        super().__init__(*args)
        self.note = note


class OwnAttention(nn.MultiheadAttention):
    """Attention that uses the weights of its own children."""

    def forward(self, x):
        return F.linear(x, self.out_proj.weight)


def names(model):
    return [name for name, _ in xb.named_analog_layers(model)]


@pytest.mark.parametrize(
    "variant", [Scaled(4, 3), Standardised(2, 3, 2), OwnAttention(4, 2)], ids=lambda v: type(v).__name__
)
def test_subclasses_that_compute_something_else_stay_digital_and_say_so(variant):
    with pytest.warns(xb.DigitalLayerWarning, match=r"a `forward` of their own, and no adapter"):
        model = xb.convert_to_analog(nn.Sequential(nn.Linear(4, 4), variant), CONFIG)
    assert names(model) == ["0"]
    assert type(model[1]) is type(variant)


def test_a_forward_put_on_one_layer_keeps_it_digital():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].forward = torch.relu
    with pytest.warns(xb.DigitalLayerWarning, match="Linear layers stay digital"):
        assert names(xb.convert_to_analog(model, CONFIG)) == ["0"]


def test_digital_models_come_back_as_they_were():
    torch.manual_seed(0)
    model = nn.Sequential(
        Renamed(8, 8, note="kept"),
        nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1),
        nn.LSTM(8, 4, batch_first=True),
    ).eval()
    before = copy.deepcopy(model)
    back = xb.convert_to_digital(xb.convert_to_analog(model, CONFIG))
    assert back[0].note == "kept"
    assert [type(module) for module in back.modules()] == [type(module) for module in before.modules()]
    assert list(back.state_dict()) == list(before.state_dict())
    assert back[1].use_nested_tensor == before[1].use_nested_tensor
    assert back[1].layers[0].activation_relu_or_gelu == before[1].layers[0].activation_relu_or_gelu
    x = torch.rand(2, 3, 8)
    torch.testing.assert_close(back(x), before(x))


def test_training_reaches_the_digital_model_that_comes_back():
    model = xb.convert_to_analog(nn.Sequential(nn.LSTM(3, 4), nn.Identity()), CONFIG)
    with torch.no_grad():
        model[0].cells[0]["hh"].weight.fill_(0.5)
    back = xb.convert_to_digital(model)
    assert bool((back[0].weight_hh_l0 == 0.5).all())
    x = torch.rand(2, 3)
    fresh = nn.LSTM(3, 4)
    fresh.load_state_dict(back[0].state_dict())
    torch.testing.assert_close(back[0](x)[0], fresh(x)[0])


@pytest.mark.parametrize("make", [lambda: nn.Linear(4, 4), lambda: nn.LSTM(4, 4), lambda: nn.Conv1d(4, 4, 1)])
def test_hooks_are_kept_and_can_still_be_removed(make):
    model, seen = nn.Sequential(make()), []
    after = model[0].register_forward_hook(lambda m, i, o: seen.append("after"))
    before = model[0].register_forward_pre_hook(lambda m, i, k: seen.append("before"), with_kwargs=True)
    analog = xb.convert_to_analog(model, CONFIG, inplace=True).eval()
    xb.program_analog_weights(analog)
    analog(torch.rand(4, 4) if not isinstance(make(), nn.Conv1d) else torch.rand(1, 4, 4))
    assert seen == ["before", "after"]
    after.remove()
    before.remove()
    analog(torch.rand(4, 4) if not isinstance(make(), nn.Conv1d) else torch.rand(1, 4, 4))
    xb.convert_to_digital(analog)(torch.rand(4, 4))
    assert seen == ["before", "after"]


def test_hooks_come_back_with_the_digital_layer():
    analog, seen = xb.convert_to_analog(nn.Sequential(nn.Linear(4, 4)), CONFIG), []
    analog[0].register_forward_hook(lambda m, i, o: seen.append(type(m)))
    xb.convert_to_digital(analog)(torch.rand(4, 4))
    assert seen == [nn.Linear]


def _old_weight_norm(layer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.utils.weight_norm(layer)


REPARAMETRISED = {
    "weight norm": (parametrizations.weight_norm, "remove_parametrizations"),
    "spectral norm": (parametrizations.spectral_norm, "remove_parametrizations"),
    "orthogonal": (parametrizations.orthogonal, "remove_parametrizations"),
    "old weight norm": (_old_weight_norm, "remove_weight_norm"),
    "old spectral norm": (nn.utils.spectral_norm, "remove_spectral_norm"),
    "pruned": (lambda layer: prune.l1_unstructured(layer, "weight", 0.5), "prune.remove"),
}


@pytest.mark.parametrize(("change", "remedy"), REPARAMETRISED.values(), ids=REPARAMETRISED)
def test_weights_computed_from_others_are_refused_with_the_remedy(change, remedy):
    model = nn.Sequential(nn.Linear(4, 4), change(nn.Linear(4, 4)))
    with pytest.raises(ValueError, match=rf"Layer '1'.*{remedy}"):
        xb.convert_to_analog(model, CONFIG)
    assert type(model[0]) is nn.Linear
    assert names(xb.convert_to_analog(model, CONFIG, overrides={"1": None}, inplace=True)) == ["0"]


def test_reparametrised_matrices_of_composites_are_refused():
    with pytest.raises(ValueError, match="remove_parametrizations"):
        xb.convert_to_analog(parametrizations.weight_norm(nn.LSTM(3, 4), "weight_hh_l0"), CONFIG)
    attention = nn.MultiheadAttention(4, 2)
    parametrizations.weight_norm(attention.out_proj)
    with pytest.raises(ValueError, match="remove_parametrizations"):
        xb.convert_to_analog(attention, CONFIG)


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_lazy_layers_are_refused_until_they_have_weights():
    model = nn.Sequential(nn.LazyLinear(4))
    with pytest.raises(ValueError, match="Run the model once"):
        xb.convert_to_analog(model, CONFIG)
    model(torch.rand(2, 3))
    assert names(xb.convert_to_analog(model, CONFIG)) == ["0"]


def test_a_layer_inside_a_digital_one_can_be_analog():
    model = nn.ModuleDict({"body": nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), "head": nn.Linear(4, 2)})
    analog = xb.convert_to_analog(model, CONFIG, overrides={"body": None, "body.1": OTHER})
    assert names(analog) == ["body.1", "head"]
    assert analog["body"][1].array.config == OTHER


def test_overrides_reach_the_matrices_of_composites():
    model = nn.ModuleDict({"rnn": nn.LSTM(4, 4), "other": nn.GRU(4, 4), "attention": nn.MultiheadAttention(4, 2)})
    analog = xb.convert_to_analog(
        model, CONFIG, overrides={"rnn.cells.0.ih": None, "other": None, "re:attention.*projections.*": OTHER}
    )
    assert names(analog) == ["rnn.cells.0.hh", "attention.projections.0", "attention.out_proj"]
    assert type(analog["other"]) is nn.GRU
    assert analog["attention"].projections[0].array.config == OTHER


def test_an_analog_model_takes_another_config_and_keeps_the_chips_whose_config_stays():
    torch.manual_seed(0)
    model = xb.convert_to_analog(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.LSTM(4, 3)), CONFIG)
    xb.program_analog_weights(model)
    again = xb.convert_to_analog(model, OTHER, overrides={"0": CONFIG, "2.cells.0.ih": None})
    assert [layer.array.config for layer in xb.analog_layers(again)] == [CONFIG, OTHER, OTHER]
    assert [layer.array.programmed_yet for layer in xb.analog_layers(again)] == [True, False, False]
    digital = xb.convert_to_analog(model, CONFIG, overrides={"0": None, "2": None})
    assert (type(digital[0]), type(digital[2])) == (nn.Linear, nn.LSTM)


def test_products_with_bare_parameters_are_warned_about():
    class Product(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.matrix = nn.Linear(4, 4), nn.Parameter(torch.rand(4, 4))

    with pytest.warns(xb.DigitalLayerWarning, match="Product"):
        xb.convert_to_analog(Product(), CONFIG)


def test_layers_used_by_their_weight_are_found_by_the_report():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            return F.linear(self.used(x), self.unused.weight)

    analog = xb.convert_to_analog(Tied(), CONFIG)
    with pytest.warns(xb.DigitalLayerWarning, match="never calls unused"):
        report = xb.mapping_report(analog, torch.rand(2, 4))
    assert report.reads.values.tolist() == [1, 0]


def test_embeddings_and_norms_are_not_warned_about():
    model = nn.Sequential(
        nn.Embedding(5, 4), nn.EmbeddingBag(5, 4), nn.Linear(4, 4), nn.LayerNorm((3, 4)), nn.RMSNorm((3, 4))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xb.convert_to_analog(model, CONFIG)


@pytest.mark.parametrize("wrong", [3, {}, None])
def test_configs_of_a_wrong_type_are_refused(wrong):
    with pytest.raises(TypeError, match="`config` must be a CrossbarConfig"):
        xb.convert_to_analog(nn.Linear(3, 2), wrong)


def test_an_error_leaves_a_model_that_is_converted_in_place_as_it_was():
    model = nn.Sequential(nn.LSTM(4, 4), nn.ReLU())
    with pytest.raises(ValueError, match="no layer of the model"):
        xb.convert_to_analog(model, CONFIG, overrides={"fc": None}, inplace=True)
    assert type(model[0]) is nn.LSTM


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_transformers_with_a_padding_mask_read_their_arrays():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    fine = xb.CrossbarConfig(mapping=xb.MappingConfig(weight_bits=14, cell_bits=7), inputs=xb.InputConfig(bits=None))
    digital = nn.TransformerEncoder(layer, 1).eval()
    analog = xb.convert_to_analog(digital, fine).eval()
    xb.program_analog_weights(analog)
    x, padding = torch.rand(3, 4, 8), torch.tensor([[False] * (4 - n) + [True] * n for n in range(3)])
    with torch.no_grad():
        expected, got = digital(x, src_key_padding_mask=padding), analog(x, src_key_padding_mask=padding)
    torch.testing.assert_close(got[~padding], expected[~padding], rtol=2e-3, atol=2e-3)


def test_a_causal_hint_without_its_mask_is_refused_as_in_torch():
    attention = nn.MultiheadAttention(4, 2)
    analog = xb.convert_to_analog(attention, CONFIG).eval()
    xb.program_analog_weights(analog)
    x = torch.rand(3, 2, 4)
    for module in (attention, analog):
        with pytest.raises(RuntimeError, match="mask"):
            module(x, x, x, is_causal=True, need_weights=False)


@pytest.mark.parametrize(
    "state",
    [
        torch.zeros(1, 1, 4),
        (torch.zeros(1, 1, 4),),
        (torch.zeros(1, 2, 4), torch.zeros(1, 1, 4)),
        (torch.zeros(2, 2, 4), torch.zeros(1, 2, 4)),
        (torch.zeros(1, 4), torch.zeros(1, 4)),
        (torch.zeros(1, 2, 4),) * 3,
    ],
    ids=["h alone", "h in a tuple", "one batch", "two layers", "unbatched", "three parts"],
)
def test_states_of_another_shape_are_refused(state):
    analog = xb.convert_to_analog(nn.LSTM(3, 4), CONFIG).eval()
    xb.program_analog_weights(analog)
    with pytest.raises((TypeError, ValueError), match="`state` must"):
        analog(torch.rand(5, 2, 3), state)


@pytest.mark.parametrize("make", [nn.RNNCell, nn.GRUCell, nn.LSTMCell])
def test_cells_refuse_states_of_another_shape(make):
    analog = xb.convert_to_analog(make(3, 4), CONFIG).eval()
    xb.program_analog_weights(analog)
    with pytest.raises((TypeError, ValueError), match="`state` must"):
        analog(torch.rand(2, 3), torch.zeros(1, 4) if make is not nn.LSTMCell else (torch.zeros(1, 4),) * 2)


def test_methods_that_other_code_calls_are_there():
    lstm = xb.convert_to_analog(nn.LSTM(3, 4), CONFIG)
    assert lstm.flatten_parameters() is None
    convolution = xb.convert_to_analog(nn.Conv2d(2, 3, 2), CONFIG).eval()
    xb.program_analog_weights(convolution)
    x = torch.rand(1, 2, 4, 4)
    assert torch.equal(convolution._conv_forward(x, convolution.weight, convolution.bias), convolution(x))
    with pytest.raises(ValueError, match="arrays hold"):
        convolution._conv_forward(x, 2 * convolution.weight, convolution.bias)


@pytest.mark.parametrize("plan", ["collapsed", "tiled"])
@pytest.mark.parametrize(
    ("size", "kind", "x"),
    [
        ((10, 9), nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1), torch.rand(2, 2, 5, 5)),
        ((17,), nn.ConvTranspose1d(2, 3, 3, stride=3, groups=1), torch.rand(2, 2, 5)),
    ],
)
def test_transposed_convolutions_take_an_output_size(plan, size, kind, x):
    fine = xb.CrossbarConfig(
        mapping=xb.MappingConfig(weight_bits=14, cell_bits=7), inputs=xb.InputConfig(bits=12), plan=plan
    )
    analog = xb.convert_to_analog(kind, fine).eval()
    xb.program_analog_weights(analog)
    expected = kind(x, output_size=size)
    got = analog(x, output_size=size)
    assert got.shape == expected.shape == (2, 3, *size)
    torch.testing.assert_close(got, expected, rtol=2e-3, atol=2e-3)
    assert analog(x).shape == kind(x).shape
    with pytest.raises(ValueError, match="output size"):
        analog(x, output_size=tuple(10 * n for n in size))
