"""A chip whose ideal weights have changed says so, once, and costs reads nothing."""

import copy
import io
import json
import warnings

import pytest
import torch
from torch import nn

import crossbar as xb
from crossbar.serialization import tensor_to_text, text_to_tensor

CONFIG = xb.CrossbarConfig()
X = torch.rand(2, 4)


def programmed(layer=None):
    torch.manual_seed(0)
    model = xb.convert_to_analog(nn.Sequential(layer or nn.Linear(4, 3)), CONFIG).eval()
    xb.program_analog_weights(model)
    return model


def assert_quiet(model, x=X):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(x)


def assert_warns_once(model):
    with pytest.warns(xb.StaleChipWarning, match="program it again"):
        model(X)
    assert_quiet(model)


def test_training_makes_a_chip_stale_until_it_is_programmed_again():
    model = programmed()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    for _ in range(2):
        model.train()(X).sum().backward()
        optimizer.step()
        assert_warns_once(model.eval())
    xb.program_analog_weights(model)
    assert_quiet(model)


def test_weights_of_a_digital_checkpoint_make_a_chip_stale():
    model = programmed()
    model.load_state_dict({"0.weight": torch.rand(3, 4), "0.bias": torch.rand(3)}, strict=False)
    assert_warns_once(model)


def test_another_parameter_in_place_of_the_weight_makes_a_chip_stale():
    model = programmed()
    model[0].weight = nn.Parameter(torch.rand(3, 4))
    assert_warns_once(model)


@pytest.mark.parametrize("swap", [lambda w: w.flip(0), lambda w: -w, lambda w: w + 1e-7 * torch.randn_like(w)])
def test_small_changes_and_swapped_outputs_are_noticed(swap):
    model = programmed()
    with torch.no_grad():
        model[0].weight.copy_(swap(model[0].weight))
    assert_warns_once(model)


def test_a_new_bias_needs_no_new_chip():
    model = programmed()
    with torch.no_grad():
        model[0].bias.fill_(1.0)
    assert_quiet(model)


@pytest.mark.parametrize(
    "change",
    [
        copy.deepcopy,
        lambda model: model.double(),
        lambda model: model.bfloat16(),
        lambda model: model.requires_grad_(False),
        lambda model: model.load_state_dict(copy.deepcopy(model.state_dict())) and model,
    ],
    ids=["copy", "double", "bfloat16", "frozen", "own checkpoint"],
)
def test_the_same_weights_are_no_new_weights(change):
    model = change(programmed())
    assert_quiet(model, X.to(model[0].weight.dtype))


def test_a_checkpoint_remembers_what_its_chip_was_programmed_from():
    model, file = programmed(), io.BytesIO()
    with torch.no_grad():
        model[0].weight.mul_(2)
    torch.save(model.state_dict(), file)
    file.seek(0)
    loaded = xb.convert_to_analog(nn.Sequential(nn.Linear(4, 3)), CONFIG).eval()
    loaded.load_state_dict(torch.load(file, weights_only=True))
    assert_warns_once(loaded)


def test_checkpoints_without_the_mark_load_quietly():
    model = programmed()
    state = {name: value for name, value in model.state_dict().items() if not name.endswith("weight_mark")}
    description = json.loads(tensor_to_text(state["0.array._extra_state"]))
    del description["checksum"]  # Version 0.1 knew neither.
    state["0.array._extra_state"] = text_to_tensor(json.dumps(description))
    loaded = xb.convert_to_analog(nn.Sequential(nn.Linear(4, 3)), CONFIG).eval()
    loaded.load_state_dict(state)
    assert_quiet(loaded)
    assert torch.equal(loaded(X), model(X))


def test_weights_made_in_inference_mode_are_read():
    with torch.inference_mode():
        model = programmed()
    assert_quiet(model)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool, torch.complex64])
@pytest.mark.parametrize("training", [True, False])
def test_inputs_that_are_no_real_numbers_are_refused(dtype, training):
    model = programmed().train(training)
    with pytest.raises(TypeError, match="floating-point"):
        model(torch.ones(2, 4).to(dtype))
