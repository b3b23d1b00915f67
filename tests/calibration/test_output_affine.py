import pytest
import torch
from torch import nn

import crossbar as xb
import devices
from calibration import fit_output_affine
from crossbar.examples import accuracy
from tests.calibration.conftest import PAPER_WIRES
from tests.calibration.model_states import moved, snapshot

LAYERS = {
    "linear": (nn.Linear(20, 8), (64, 20)),
    "linear sequence": (nn.Linear(20, 8), (16, 4, 20)),
    "conv1d": (nn.Conv1d(4, 6, 3, padding=1), (8, 4, 9)),
    "conv2d groups": (nn.Conv2d(4, 6, 3, groups=2, bias=False), (8, 4, 9, 9)),
    "conv3d": (nn.Conv3d(2, 3, 2), (8, 2, 4, 4, 4)),
}


def make(layer, **fields):
    config = xb.CrossbarConfig(mapping=xb.MappingConfig(cell_bits=4), inputs=xb.InputConfig(bits=None), **fields)
    model = xb.convert_to_analog(nn.Sequential(layer), config).eval()
    xb.program_analog_weights(model, generator=torch.Generator().manual_seed(0))
    return model


@pytest.mark.parametrize("name", LAYERS)
@torch.no_grad()
def test_it_is_the_least_squares_of_each_output(name, generator):
    layer, shape = LAYERS[name]
    x = torch.randn(shape, generator=generator) + 0.5
    model = make(layer, device=devices.RRAM, wires=PAPER_WIRES)
    dimension = -model[0].vector_dimensions
    analog, digital = (y.movedim(dimension, 0).flatten(1).double() for y in (model(x), layer(x)))
    fit_output_affine(model, nn.Sequential(layer), x.split(len(x) // 2))
    got = model(x).movedim(dimension, 0).flatten(1).double()
    for a, d, y in zip(analog, digital, got, strict=True):
        design = torch.stack([a, torch.ones_like(a)], 1)
        best = design @ torch.linalg.lstsq(design, d[:, None]).solution
        torch.testing.assert_close(y, best[:, 0], rtol=1e-3, atol=1e-4)


def test_it_recovers_wires_without_batchnorm_or_labels(programmed, digits):
    analog = programmed(wires=PAPER_WIRES)
    before, state = accuracy(analog, digits.test), snapshot(analog)
    digital = snapshot(digits.model)
    fit_output_affine(analog, digits.model, [x for x, _ in digits.batches()])
    assert before < 0.5
    assert accuracy(analog, digits.test) > accuracy(digits.model, digits.test) - 0.03
    expected = {f"{i}.array.corrections.output_affine.{key}" for i in (0, 3, 6) for key in ("scale", "offset")}
    assert moved(analog, state) == expected
    assert not moved(digits.model, digital)


@torch.no_grad()
def test_fitting_again_gives_the_same(programmed, digits):
    analog = programmed(wires=PAPER_WIRES)
    batch = [digits.train.images]
    fit_output_affine(analog, digits.model, batch)
    before = snapshot(analog)
    fit_output_affine(analog, digits.model, batch)
    for name, tensor in snapshot(analog).items():
        torch.testing.assert_close(tensor, before[name])


@torch.no_grad()
def test_an_output_that_does_not_vary_keeps_its_scale():
    layer = nn.Linear(3, 2)
    layer.weight[0] = 0
    model = make(layer)
    fit_output_affine(model, nn.Sequential(layer), [torch.randn(50, 3)])
    assert float(model[0].array.corrections["output_affine"].scale[0]) == 1
    torch.testing.assert_close(model(torch.zeros(1, 3))[0, 0], layer.bias[0])


def test_bad_input(programmed, digits):
    analog, batches = programmed(), digits.batches()
    before = snapshot(analog)
    with pytest.raises(ValueError, match="It lacks"):
        fit_output_affine(analog, nn.Sequential(nn.Linear(2, 2)), batches)
    with pytest.raises(ValueError, match="at least one batch"):
        fit_output_affine(analog, digits.model, [])
    with pytest.raises(TypeError, match="Got float"):
        fit_output_affine(analog, digits.model, [digits.train.images, 1.0])
    assert not moved(analog, before)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in [*analog.modules(), *digits.model.modules()])
