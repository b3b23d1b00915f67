"""Which layers stay digital: within the budget, by sensitivity per multiply-add, and as overrides that make it so."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
from calibration import compensate_drift, search_placement
from crossbar.classification import class_score

HARSH = xb.CrossbarConfig(
    device=replace(xb.devices.RRAM, drift=None, read_noise=xb.devices.RelativeReadNoise(ratio=0.3, draw="programming"))
)
IDEAL = xb.CrossbarConfig()


def chip(model, config, overrides, seed=0):
    analog = xb.convert_to_analog(model, config, overrides=overrides).eval()
    xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(seed))
    return analog


def test_an_ideal_chip_is_all_analog(digits):
    batches = list(digits.test.batches(90))
    result = search_placement(digits.model, IDEAL, batches, budget=0.01)
    assert result.overrides == {}
    assert result.analog_share == 1
    assert set(result.analog) == {"0", "3", "6", "10"}
    assert result.trials == 1 + 4 + 1 + 2
    positions = {"0": 64, "3": 16, "6": 4, "10": 1}
    weights = {name: digits.model.get_submodule(name).weight.numel() for name in positions}
    assert result.multiply_adds == {name: positions[name] * weights[name] for name in positions}


@pytest.mark.parametrize("budget", [0.03, 0.1])
def test_keeps_the_budget_and_says_what_other_images_give(digits, budget):
    batches = list(digits.test.batches(60))
    result = search_placement(digits.model, HARSH, batches, budget)
    chosen, held = batches[::2], batches[1::2]
    digital = digits.model.eval()
    assert result.reference == class_score(digital, chosen).accuracy
    assert result.held_out_reference == class_score(digital, held).accuracy
    assert result.accuracy >= result.reference - budget
    assert 0 < result.analog_share < 1
    assert set(result.analog) | set(result.overrides) == set(result.multiply_adds)
    assert set(result.overrides.values()) == {None}
    converted = xb.convert_to_analog(digits.model, HARSH, overrides=result.overrides)
    assert {name for name, _ in xb.named_analog_layers(converted)} == set(result.analog)


def test_layers_become_analog_in_the_order_of_their_cost_per_multiply_add(digits):
    batches = list(digits.test.batches(60))
    result = search_placement(digits.model, HARSH, batches, 0.05)
    cost = {name: result.sensitivity[name] / result.multiply_adds[name] for name in result.sensitivity}
    assert list(result.analog) == sorted(result.analog, key=cost.get)
    # The sensitivities are those of one layer analog, the others digital, on one chip for all trials.
    whole = chip(digits.model, HARSH, None)
    reference = class_score(digits.model.eval(), batches[::2])
    for name, value in result.sensitivity.items():
        mixed = nn.Sequential(*digits.model)
        mixed[int(name)] = whole[int(name)]
        assert value == pytest.approx(reference.confidence - class_score(mixed.eval(), batches[::2]).confidence)


def test_is_deterministic_and_leaves_the_model_and_the_stream_as_they_were(digits):
    batches = list(digits.test.batches(100))
    before = {name: tensor.clone() for name, tensor in digits.model.state_dict().items()}
    noisy = replace(HARSH, device=replace(HARSH.device, read_noise=xb.devices.RelativeReadNoise(ratio=0.2)))
    state = torch.get_rng_state()
    first, second = (search_placement(digits.model, noisy, batches, 0.05) for _ in range(2))
    assert first == second
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in digits.model.state_dict().items())


def test_overrides_stay_and_layers_can_be_prepared(digits):
    drifting = replace(IDEAL, device=replace(xb.devices.PCM_I, read_noise=None))
    batches, seen = list(digits.test.batches(90)), []

    def prepare(model):
        seen.append([float(layer.array.time) for layer in xb.analog_layers(model)])
        compensate_drift(model)

    settings = {"budget": 0.02, "t": 1e6, "overrides": {"0": None}}
    blind = search_placement(digits.model, drifting, batches, **settings)
    known = search_placement(digits.model, drifting, batches, prepare=prepare, **settings)
    assert seen == [[1e6] * 3]
    assert "0" not in known.multiply_adds
    assert known.overrides["0"] is None
    assert known.analog_share >= blind.analog_share
    assert known.analog_share == 1


def test_tied_layers_and_composites_are_placed_whole():
    torch.manual_seed(0)
    layer = nn.Linear(6, 6)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.lstm, self.second, self.head = layer, nn.LSTM(6, 6), layer, nn.Linear(6, 3)

        def forward(self, x):
            return self.head(self.second(self.lstm(self.first(x))[0]))

    model = Network().eval()
    x = torch.randn(40, 6)
    batches = [(x[:20], model(x[:20]).argmax(1)), (x[20:], model(x[20:]).argmax(1))]
    result = search_placement(model, HARSH, batches, 0.0)
    converted = {name for name, _ in xb.named_analog_layers(xb.convert_to_analog(model, HARSH))}
    assert set(result.multiply_adds) == converted
    assert "second" not in converted
    assert result.multiply_adds["first"] == 2 * 36
    everything = search_placement(model, IDEAL, batches, 1.0)
    assert set(everything.analog) == converted


def test_what_cannot_be_searched_is_refused(digits):
    batches = list(digits.test.batches(90))
    with pytest.raises(ValueError, match="`batches` must hold at least two batches"):
        search_placement(digits.model, IDEAL, batches[:1])
    with pytest.raises(ValueError, match="Got 0 and 1"):
        search_placement(digits.model, IDEAL, [], held_out=batches[:1])
    with pytest.raises(ValueError, match="`budget` must be >= 0"):
        search_placement(digits.model, IDEAL, batches, -0.1)
    with pytest.raises(ValueError, match="`model` must hold layers to choose from"):
        search_placement(nn.Linear(64, 10), IDEAL, batches)
