"""Scales between norms and layers: the function stays, the inputs become even."""

import copy

import pytest
import torch
from torch import nn

import crossbar as xb
from calibration import calibrate_input_ranges, smooth_activations
from crossbar.examples import CharacterGPT, SmallViT
from tests.calibration.model_states import moved, snapshot
from tests.crossbar.library_layers import Conv1D


class Block(nn.Module):
    """A norm, a choice of layers behind it, and a residual path around both, or from the norm's output on."""

    def __init__(self, norm, layers, *, residual="before"):
        super().__init__()
        self.norm, self.layers, self.residual = norm, nn.ModuleList(layers), residual

    def forward(self, x):
        y = self.norm(x)
        return sum(layer(y) for layer in self.layers) + (x if self.residual == "before" else y)


class PlusOne(nn.RMSNorm):
    """Gemma's: the gain is 1 + weight."""

    def forward(self, x):
        return nn.functional.rms_norm(x, self.normalized_shape, self.weight + 1, self.eps)


def with_outliers(norm):
    torch.manual_seed(0)
    for name, parameter in norm.named_parameters():
        nn.init.normal_(parameter, mean=float(name == "weight"), std=0.3)
    with torch.no_grad():
        norm.weight[3] *= 60
    return norm


def batches():
    return list(torch.randn(64, 5, 12, generator=torch.Generator().manual_seed(2)).split(16))


SMOOTHED = {
    "layer norm": lambda: Block(with_outliers(nn.LayerNorm(12)), [nn.Linear(12, 12), nn.Linear(12, 12)]),
    "RMS norm": lambda: Block(with_outliers(nn.RMSNorm(12)), [nn.Linear(12, 12, bias=False)]),
    "GPT-2": lambda: Block(with_outliers(nn.LayerNorm(12)), [Conv1D(12, 12)]),
    "encoder layer": lambda: nn.TransformerEncoderLayer(12, 2, 24, batch_first=True, norm_first=True),
}


@pytest.mark.parametrize("make", SMOOTHED.values(), ids=SMOOTHED)
@pytest.mark.parametrize("converted", [False, True], ids=["digital", "converted"])
def test_the_function_stays(make, converted):
    torch.manual_seed(1)
    model = make().eval()
    x, expected = batches()[0], model(batches()[0]).detach()
    before = snapshot(model)
    smoothed = xb.convert_to_analog(model, xb.CrossbarConfig()) if converted else model
    found = smooth_activations(smoothed, batches())
    assert len(found) == (2 if "EncoderLayer" in type(model).__name__ else 1)
    assert bool(moved(model, before)) != converted  # conversion has made a copy
    after = xb.convert_to_digital(smoothed) if converted else model
    torch.testing.assert_close(after(x), expected, rtol=1e-4, atol=1e-4)
    assert [p.requires_grad for p in model.parameters()] == [True] * len(list(model.parameters()))


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_the_scale_is_the_published_one(strength):
    model = SMOOTHED["layer norm"]().eval()
    digital = copy.deepcopy(model)
    largest = torch.cat(batches()).flatten(0, 1)
    largest = digital.norm(largest).abs().amax(0)
    weights = torch.stack([layer.weight.abs().amax(0) for layer in digital.layers]).amax(0)
    assert smooth_activations(model, batches(), strength=strength) == {"norm": ["layers.0", "layers.1"]}
    scale = largest**strength / weights ** (1 - strength)
    torch.testing.assert_close(model.norm.weight * scale, digital.norm.weight)
    torch.testing.assert_close(model.norm.bias * scale, digital.norm.bias)
    for now, then in zip(model.layers, digital.layers, strict=True):
        torch.testing.assert_close(now.weight, then.weight * scale)
        assert torch.equal(now.bias, then.bias)


def test_static_ranges_lose_less():
    errors = {}
    for smooth in (False, True):
        model = SMOOTHED["layer norm"]().eval()
        expected = model(batches()[0])
        if smooth:
            smooth_activations(model, batches())
        config = xb.CrossbarConfig(
            mapping=xb.MappingConfig(weight_bits=12, cell_bits=6), inputs=xb.InputConfig(bits=6, range="static")
        )
        analog = xb.convert_to_analog(model, config)
        xb.program_analog_weights(analog)
        calibrate_input_ranges(analog, batches(), method="minmax")
        with torch.no_grad():
            errors[smooth] = float((analog(batches()[0]) - expected).norm())
    assert errors[True] < 0.6 * errors[False]


REFUSED = {
    "residual path from the norm": lambda: Block(
        with_outliers(nn.LayerNorm(12)), [nn.Linear(12, 12)], residual="after"
    ),
    "gain of another form": lambda: Block(with_outliers(PlusOne(12)), [nn.Linear(12, 12)]),
    "post-norm": lambda: nn.TransformerEncoderLayer(12, 2, 24, batch_first=True),
    "no norm": lambda: nn.Linear(12, 12),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_what_would_change_the_function_is_left_as_it_was(make):
    torch.manual_seed(0)
    model = make().eval()
    before = snapshot(model)
    with pytest.raises(ValueError, match="no norm whose output only linear layers read"):
        smooth_activations(model, batches())
    assert not moved(model, before)


def test_tied_heads_stay_tied():
    torch.manual_seed(0)
    model = CharacterGPT(12, width=16, heads=2, layers=2, context=8).eval()
    model.head.weight = model.table.weight
    tokens = torch.randint(12, (4, 8))
    expected = model(tokens).detach()
    found = smooth_activations(model, [tokens])
    assert "norm" not in found
    assert len(found) == 4
    assert model.head.weight is model.table.weight
    torch.testing.assert_close(model(tokens), expected, rtol=1e-4, atol=1e-4)


def test_vision_transformers_are_smoothed_but_for_their_head():
    torch.manual_seed(0)
    model = SmallViT(1, 8, patch=4, width=16, heads=2, layers=1).eval()
    found = smooth_activations(model, [torch.randn(6, 1, 8, 8)])
    assert found == {"blocks.0.norm1": ["blocks.0.query_key_value"], "blocks.0.norm2": ["blocks.0.up"]}


def test_bad_settings():
    with pytest.raises(ValueError, match="`strength`"):
        smooth_activations(nn.Linear(2, 2), [], strength=1.5)
    with pytest.raises(ValueError, match="at least one batch"):
        smooth_activations(SMOOTHED["layer norm"](), [])
