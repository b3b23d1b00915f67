"""Chips that keep only what reads need: the same outputs, the memory, and clear refusals of all else."""

import copy
import io
from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
from calibration import compensate_drift, fit_output_affine
from tests.crossbar.layers.test_contract import COARSE, LAYERS, NOISY

DRIFTING = replace(NOISY, device=replace(NOISY.device, read_noise=None))


def programmed(layer, config=DRIFTING, seed=0):
    model = xb.convert_to_analog(layer, config).eval()
    xb.program_analog_weights(model, generator=torch.Generator().manual_seed(seed))
    return model


def frozen(model, **settings):
    model = copy.deepcopy(model)
    xb.freeze_analog_weights(model, **settings)
    return model


def network():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3, groups=16), nn.Flatten(), nn.Linear(16 * 36, 64)]
    return nn.Sequential(*layers).eval(), torch.randn(4, 3, 10, 10)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("negative", ["two_phase", "offset"])
def test_every_layer_reads_as_before_and_from_its_checkpoint(name, negative):
    torch.manual_seed(1)
    make, shape = LAYERS[name]
    layer, x = make().eval(), torch.randn(shape)
    config = replace(DRIFTING, inputs=replace(DRIFTING.inputs, negative=negative))
    model = programmed(layer, config)
    xb.drift_analog_weights(model, t=1e3)
    expected = model(x).detach()
    kept = frozen(model)
    assert torch.equal(kept(x).detach(), expected)
    saved = io.BytesIO()
    torch.save(kept.state_dict(), saved)
    saved.seek(0)
    loaded = xb.convert_to_analog(layer, config).eval()
    loaded.load_state_dict(torch.load(saved, weights_only=True))
    assert torch.equal(loaded(x).detach(), expected)
    assert torch.equal(copy.deepcopy(loaded)(x).detach(), expected)
    assert loaded.state_dict().keys() == kept.state_dict().keys()


def test_an_unprogrammed_model_is_programmed_layer_by_layer_as_the_same_chip():
    digital, x = network()
    at_once = programmed(digital, seed=3)
    bit_by_bit = xb.convert_to_analog(digital, DRIFTING).eval()
    xb.freeze_analog_weights(bit_by_bit, generator=torch.Generator().manual_seed(3))
    assert torch.equal(bit_by_bit(x).detach(), at_once(x).detach())


def test_fresh_read_noise_keeps_its_spread():
    digital, x = network()
    config = replace(NOISY, device=replace(xb.devices.RRAM, drift=None))
    config = replace(config, device=replace(config.device, read_noise=xb.devices.RelativeReadNoise(ratio=0.05)))
    model = programmed(digital, config)
    for kept in (frozen(model), frozen(model, dtype=torch.bfloat16)):
        with torch.no_grad():
            draws = [torch.stack([m(x) for _ in range(300)]).var(0).mean() for m in (model, kept)]
        reader = kept[0].array.reader
        assert reader.variance.dtype == reader.weight.dtype
        assert float(draws[1] / draws[0]) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("dtype", "bytes_per_weight"), [(None, 6.0), (torch.bfloat16, 1.2 * 2)])
def test_a_frozen_layer_takes_little_more_than_its_weights(dtype, bytes_per_weight):
    torch.manual_seed(0)
    model = programmed(nn.Linear(512, 256), COARSE)
    before = xb.mapping_report(model)
    kept = frozen(model, dtype=dtype)
    after = xb.mapping_report(kept)
    assert float(before["bytes_per_weight"].max()) > 20
    assert float(after["bytes_per_weight"].max()) <= bytes_per_weight
    held = {id(t.untyped_storage()): t.untyped_storage().nbytes() for t in (*kept.parameters(), *kept.buffers())}
    assert sum(held.values()) == int(after["stored_bytes"].sum())
    for name in ("crossbars", "cells", "utilization", "adc_conversions", "input_cycles", "weights"):
        assert after[name].equals(before[name])
    assert after["bit_density_before"].isnull().all()


def test_half_precision_weights_are_rounded_and_nothing_else():
    digital, x = network()
    model = programmed(digital)
    kept = frozen(model, dtype=torch.bfloat16)
    layer, original = kept[0], model[0]
    assert layer.array.effective_weight.dtype == torch.bfloat16
    assert torch.equal(layer.array.effective_weight, original.array.effective_weight.bfloat16())
    original.array.reader.weight = original.array.reader.weight.bfloat16().float()
    assert torch.equal(layer(x).detach(), original(x).detach())
    assert layer(x.bfloat16()).dtype == torch.bfloat16


def test_a_model_made_without_memory_takes_over_a_frozen_chip():
    digital, x = network()
    kept = frozen(programmed(digital), dtype=torch.bfloat16)
    with torch.device("meta"):
        empty, _ = network()
    empty = xb.convert_to_analog(empty, DRIFTING).eval()
    empty.load_state_dict(kept.state_dict(), assign=True)
    assert torch.equal(empty(x).detach(), kept(x).detach())
    empty.to(torch.bfloat16)
    assert empty(x.bfloat16()).dtype == torch.bfloat16


def test_layers_of_composites_are_dropped_everywhere():
    lstm = nn.LSTM(12, 16, num_layers=2).eval()
    x = torch.randn(5, 2, 12)
    model = programmed(lstm)
    expected = model(x)[0].detach()
    xb.freeze_analog_weights(model)
    assert torch.equal(model(x)[0].detach(), expected)
    origin = vars(model)["_origin"].module
    assert all(p is None or p.ndim == 1 for p in origin._parameters.values())
    with pytest.raises(RuntimeError, match="is frozen: its ideal weights are gone"):
        xb.convert_to_digital(model)


def test_a_tied_weight_stays_where_it_is_looked_up():
    embedding, head = nn.Embedding(9, 6), nn.Linear(6, 9, bias=False)
    head.weight = embedding.weight
    model = programmed(nn.Sequential(embedding, head))
    xb.freeze_analog_weights(model)
    assert model[0].weight.shape == (9, 6)
    assert model[1].weight is None


REFUSED = {
    "drift": lambda model, x: xb.drift_analog_weights(model, t=10.0),
    "drift compensation": lambda model, x: compensate_drift(model),
    "placement": lambda model, x: model[0].array.placement,
    "cells": lambda model, x: model[0].array.cells,
    "programming": lambda model, x: xb.program_analog_weights(model),
    "mapping": lambda model, x: xb.remap_analog_weights(model, {"0": COARSE.mapping}),
    "training": lambda model, x: model.train()(x),
    "conversion back": lambda model, x: xb.convert_to_digital(model),
    "another config": lambda model, x: xb.convert_to_analog(model, COARSE),
    "the layer's own conversion": lambda model, x: model[0].to_digital(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_more_is_refused_and_changes_nothing(name):
    digital, x = network()
    model = frozen(programmed(digital))
    expected = model(x).detach()
    with pytest.raises(RuntimeError, match="frozen"):
        REFUSED[name](model, x)
    assert torch.equal(model.eval()(x).detach(), expected)


def test_corrections_that_were_fitted_stay():
    digital, x = network()
    model = programmed(digital)
    fit_output_affine(model, digital, [x])
    assert torch.equal(frozen(model)(x).detach(), model(x).detach())


def test_tiled_layers_are_refused_and_none_is_frozen():
    digital, _ = network()
    model = xb.convert_to_analog(digital, COARSE, overrides={"4": replace(COARSE, adc=xb.ADC(bits=8))})
    xb.program_analog_weights(model)
    with pytest.raises(ValueError, match="`model` has 1 layers that are read tile by tile"):
        xb.freeze_analog_weights(model)
    assert model[0].weight is not None
    with pytest.raises(TypeError, match="`dtype` must be of a floating-point type"):
        xb.freeze_analog_weights(model, dtype=torch.int8)
