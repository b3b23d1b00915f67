"""Searching how far layers can be squeezed, and training them back."""

import json

import pytest
import torch
from torch import nn

import crossbar as xb
from calibration import finetune_squeezed, search_squeeze
from crossbar.examples import accuracy, digits_network, load_digits, train_digits
from mapping import SMECodebook, map_weight

MAPPING = xb.MappingConfig(weight_bits=9, cell_bits=1, rows=64, cols=32, quantizer=SMECodebook(bits=8, window=3))
CONFIG = xb.CrossbarConfig(mapping=MAPPING, inputs=xb.InputConfig(bits=8))


@pytest.fixture(scope="module")
def digits():
    train, test = load_digits()
    torch.manual_seed(0)
    model = digits_network()
    train_digits(model, train, epochs=3)
    return model, train, test


def converted(model, config=CONFIG):
    return xb.convert_to_analog(model, config)


def test_keeps_the_budget_and_squeezes_as_far_as_it_goes(digits):
    model, _, test = digits
    analog = converted(model)
    batches = list(test.batches(270))
    result = search_squeeze(analog, batches, budget=0.01)
    dense = converted(model).eval()
    xb.program_analog_weights(dense)
    with torch.no_grad():
        confidence = float(dense(test.images).softmax(1).gather(1, test.labels[:, None]).mean())
    assert result.accuracy >= result.reference - 0.01
    assert result.accuracy == pytest.approx(accuracy(analog, test))
    assert sum(result.planes.values()) >= 2 * len(result.planes)
    for name, layer in xb.named_analog_layers(analog):
        assert layer.array.config.mapping.squeezed_planes == result.planes[name]
        assert layer.array.placement.tiles == result.crossbars[name]
    # No single layer could go one plane further.
    for name in result.planes:
        if result.planes[name] < 7:
            further = converted(model)
            mappings = {
                key: xb.MappingConfig(**{**vars(MAPPING), "squeezed_planes": planes + (key == name)})
                for key, planes in result.planes.items()
            }
            xb.remap_analog_weights(further, mappings)
            with torch.no_grad():
                scores = further.eval()(test.images)
            right = scores.softmax(1).gather(1, test.labels[:, None]).mean()
            assert accuracy(further, test) < result.reference - 0.01 or right < confidence - 0.01


def test_is_deterministic_and_goes_on_where_it_stopped(digits, tmp_path):
    model, _, test = digits
    batches = [(test.images[:100], test.labels[:100])]
    path = tmp_path / "deep" / "search.json"
    first = search_squeeze(converted(model), batches, budget=0.02, path=path)
    assert first == search_squeeze(converted(model), batches, budget=0.02)
    # Cut the file to its first trials, as an interrupted search leaves it.
    stored = json.loads(path.read_text())
    assert len(stored["trials"]) <= first.trials
    stored["trials"] = dict(list(stored["trials"].items())[:5])
    path.write_text(json.dumps(stored))
    again = converted(model)
    xb.program_analog_weights(again, generator=torch.Generator().manual_seed(7))
    assert search_squeeze(again, batches, budget=0.02, path=path) == first
    # Stored trials are read, not repeated.
    stored = json.loads(path.read_text())
    stored["trials"] = dict.fromkeys(stored["trials"], (1.0, 1.0))
    path.write_text(json.dumps(stored))
    assert search_squeeze(converted(model), batches, budget=0.02, path=path).reference == 1.0


def test_noise_is_the_same_in_every_search(digits):
    model, _, test = digits
    config = xb.CrossbarConfig(
        device=xb.Device(g_min=1e-6, g_max=2e-5, read_noise=xb.devices.RelativeReadNoise(ratio=0.1, draw="read")),
        mapping=MAPPING,
        inputs=xb.InputConfig(bits=8, dac_bits=1),
    )
    batches = [(test.images[:60], test.labels[:60])]
    results = []
    for _ in range(2):
        torch.rand(3)  # the state of torch's own stream must not matter
        results.append(search_squeeze(converted(model, config), batches, budget=0.05))
    assert results[0] == results[1]


def test_shows_its_progress(digits, capsys):
    model, _, test = digits
    found = search_squeeze(converted(model), [(test.images[:20], test.labels[:20])], budget=0.0, progress=True)
    assert f"squeeze search: {found.trials} trials" in capsys.readouterr().err


def test_refuses_what_it_cannot_search(digits, tmp_path):
    model, _, test = digits
    batches = [(test.images[:20], test.labels[:20])]
    with pytest.raises(ValueError, match="`model` has no analog layer"):
        search_squeeze(model, batches)
    with pytest.raises(ValueError, match=r"`budget` must be >= 0. Got -0.1"):
        search_squeeze(converted(model), batches, budget=-0.1)
    with pytest.raises(TypeError, match=r"`batches` must be iterable many times"):
        search_squeeze(converted(model), test.batches(100))
    with pytest.raises(ValueError, match="`batches` must hold at least one labelled batch"):
        search_squeeze(converted(model), [])
    intra = xb.CrossbarConfig(mapping=xb.MappingConfig(slicing="intra"))
    with pytest.raises(ValueError, match="`model` must be mapped with slicing='inter'"):
        search_squeeze(converted(model, intra), batches)
    path = tmp_path / "search.json"
    search_squeeze(converted(model), batches, path=path)
    with pytest.raises(ValueError, match="another model, other batches or another seed"):
        search_squeeze(converted(model), batches, path=path, seed=1)
    path.write_text("{}")
    with pytest.raises(ValueError, match="is no file of a squeeze search"):
        search_squeeze(converted(model), batches, path=path)
    with pytest.raises(ValueError, match=r"`mappings` names 99, no analog layer. Analog layers: 0, 3, 6, 10"):
        xb.remap_analog_weights(converted(model), {"99": MAPPING})


def test_training_through_the_squeeze_wins_accuracy_back(digits):
    model, train, test = digits
    config = xb.CrossbarConfig(mapping=xb.MappingConfig(**{**vars(MAPPING), "squeezed_planes": 7}))
    analog = converted(model, config)
    xb.program_analog_weights(analog)
    before = accuracy(analog, test)
    losses = finetune_squeezed(analog, list(train.batches(64)), epochs=3, learning_rate=0.01).loss
    assert len(losses) == 3
    assert losses[-1] < losses[0]
    assert accuracy(analog, test) > before + 0.05
    layer = xb.analog_layers(analog)[1]
    weight = map_weight(layer.weight_matrix().detach(), config.mapping).to_weight()
    torch.testing.assert_close(layer.array.effective_weight, weight.t())
    assert not torch.equal(layer.weight, dict(xb.named_analog_layers(converted(model)))["3"].weight)


def test_remapping_keeps_what_was_calibrated_about_the_inputs():
    config = xb.CrossbarConfig(inputs=xb.InputConfig(range="static", maximum=3.0))
    model = xb.convert_to_analog(nn.Sequential(nn.Linear(4, 3)), config)
    model[0].array.corrections["static_range"].bounds = torch.tensor([-1.0, 2.0])
    xb.remap_analog_weights(model, {"0": MAPPING}, generator=torch.Generator().manual_seed(0))
    assert model[0].array.corrections["static_range"].bounds.tolist() == [-1.0, 2.0]
    assert model[0].array.config.mapping == MAPPING
    assert model[0].array.config.inputs == config.inputs
