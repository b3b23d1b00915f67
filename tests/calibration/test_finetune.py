import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import crossbar as xb
import devices
from calibration import LOW_RANK_PARAMETERS, adapt_batchnorm, attach_low_rank, finetune, finetune_batchnorm
from crossbar.examples import accuracy
from tests.calibration.model_states import batchnorm_names, moved, snapshot

NOISY = dataclasses.replace(devices.RRAM, read_noise=devices.RelativeReadNoise(ratio=0.5, draw="programming"))
GAMMA_BETA = ("weight", "bias")
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def test_only_batchnorm_moves(programmed, digits):
    analog = programmed()
    before = snapshot(analog)
    flags = {name: p.requires_grad for name, p in analog.named_parameters()}
    finetune_batchnorm(analog, digits.batches(), epochs=1)
    assert moved(analog, before) == batchnorm_names(analog, *GAMMA_BETA, *STATISTICS)
    assert {name: p.requires_grad for name, p in analog.named_parameters()} == flags
    assert all(p.grad is None for p in analog.parameters())
    assert not any(m.training for m in analog.modules())


def test_frozen_statistics_stay(programmed, digits):
    analog = programmed()
    before = snapshot(analog)
    finetune_batchnorm(analog, digits.batches(), epochs=1, statistics="frozen")
    assert moved(analog, before) == batchnorm_names(analog, *GAMMA_BETA)


def test_exact_statistics_are_those_of_adaptation(programmed, digits):
    analog = programmed()
    finetune_batchnorm(analog, digits.batches(), epochs=1, statistics="exact")
    before = snapshot(analog)
    adapt_batchnorm(analog, digits.batches())
    assert moved(analog, before) <= batchnorm_names(analog, "num_batches_tracked")


def test_fine_tuning_beats_adaptation_under_strong_noise(programmed, digits):
    analog = programmed(NOISY)
    adapt_batchnorm(analog, digits.batches())
    adapted = accuracy(analog, digits.test)
    analog = programmed(NOISY)
    history = finetune_batchnorm(analog, digits.batches(32), statistics="exact")
    assert accuracy(analog, digits.test) > adapted + 0.02
    assert float(history.loss[-1]) < float(history.loss[0])


def test_the_recipe_of_the_paper(programmed, digits):
    history = finetune_batchnorm(programmed(), digits.batches(512))
    assert history.sizes == {"epoch": 5}
    expected = [0.01, 0.01, 0.002, 0.002, 0.0004]
    assert history.learning_rate.values == pytest.approx(expected)
    assert {"loss", "seconds"} <= set(history)
    assert history.seconds.attrs["units"] == "s"


@pytest.mark.parametrize("adc", [None, xb.ADC(bits=8)])
def test_gradients_pass_the_chip(programmed, digits, adc):
    """The gradient of an early gamma is that of the digital network, up to what the chip changes."""
    analog = programmed(devices.Ideal, adc=adc)
    model = digits.model
    gradients = []
    for network in (analog, model):
        network.zero_grad()
        images, labels = digits.train.first(64)
        F.cross_entropy(network(images), labels).backward()
        gradients.append(network[1].weight.grad.clone())
        network.zero_grad()
    cosine = F.cosine_similarity(*gradients, dim=0)
    assert cosine > 0.97


def test_optimizer_schedule_and_loss_are_replaceable(programmed, digits, capsys):
    analog = programmed()
    seen = []

    def loss(output, target):
        seen.append(output.shape)
        return F.multi_margin_loss(output, target)

    history = finetune_batchnorm(
        analog,
        [{"image": images, "label": labels} for images, labels in digits.batches(512)],
        epochs=2,
        optimizer=lambda p: torch.optim.Adam(p, lr=1e-3),
        schedule=lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=0.5),
        loss=loss,
        progress=True,
    )
    assert len(seen) == 6
    shown = capsys.readouterr().err
    assert "epoch 1/2" in shown
    assert "epoch 2/2" in shown
    assert float(history.learning_rate[0]) == pytest.approx(5e-4)


def test_early_stop_goes_back_to_the_best_epoch(programmed, digits):
    analog = programmed()
    test = list(digits.test.batches(270))
    rates = iter([1.0, 1.0, 30.0, 30.0, 30.0, 30.0])

    def schedule(optimizer):
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: next(rates))

    history = finetune_batchnorm(
        analog, digits.batches(), epochs=6, schedule=schedule, validation=test, patience=2, statistics="frozen"
    )
    best = float(history.validation_loss.min())
    assert history.sizes["epoch"] < 6
    assert float(history.validation_loss[-1]) > best
    with torch.no_grad():
        loss = torch.stack([F.cross_entropy(analog(x), y) for x, y in test]).mean()
    assert float(loss) == pytest.approx(best, rel=1e-4)


def test_a_loss_that_explodes_puts_everything_back(programmed, digits):
    analog = programmed()
    before, calls = snapshot(analog), []

    def explode(output, target):
        calls.append(1)
        return F.cross_entropy(output, target) * (1.0 if len(calls) < 12 else float("inf"))

    with pytest.raises(FloatingPointError, match="learning rate"):
        finetune_batchnorm(analog, digits.batches(), loss=explode)
    assert not moved(analog, before)


def test_any_group_of_parameters(programmed, digits):
    analog = programmed()
    before = snapshot(analog)
    finetune(analog, digits.batches(512), ["re:10\\..*"], epochs=1)
    assert moved(analog, before) == {"10.weight", "10.bias"}


def test_low_rank_paths_start_at_zero_and_learn(programmed, digits, generator):
    analog = programmed(NOISY)
    adapt_batchnorm(analog, digits.batches())
    images = digits.test.images
    with torch.no_grad():
        expected = analog(images)
        attach_low_rank(analog, rank=4, generator=generator)
        torch.testing.assert_close(analog(images), expected)
    before, adapted = snapshot(analog), accuracy(analog, digits.test)
    finetune(
        analog,
        digits.batches(32),
        [LOW_RANK_PARAMETERS],
        optimizer=lambda p: torch.optim.Adam(p, lr=3e-3),
        epochs=3,
    )
    assert moved(analog, before) == {
        f"{i}.array.corrections.low_rank.{key}" for i in (0, 3, 6) for key in ("down", "up")
    }
    assert accuracy(analog, digits.test) > adapted + 0.02
    assert len(xb.analog_layers(attach_low_rank(analog))) == 3


LOW_RANK_LAYERS = {
    "linear": (nn.Linear(6, 4), (3, 6)),
    "linear sequence": (nn.Linear(6, 4), (3, 2, 6)),
    "conv1d": (nn.Conv1d(4, 6, 3, padding=1), (2, 4, 9)),
    "conv2d groups": (nn.Conv2d(4, 6, 3, groups=2, stride=2), (2, 4, 9, 9)),
    "conv3d": (nn.Conv3d(2, 3, 2), (2, 2, 4, 4, 4)),
}


@pytest.mark.parametrize("name", LOW_RANK_LAYERS)
def test_a_low_rank_path_adds_its_product(name, generator):
    layer, shape = LOW_RANK_LAYERS[name]
    model = xb.convert_to_analog(nn.Sequential(layer), xb.CrossbarConfig()).eval()
    xb.program_analog_weights(model)
    x = torch.randn(shape, generator=generator)
    with torch.no_grad():
        expected = model(x)
        attached = attach_low_rank(model, rank=2, generator=generator)[0]
        path = attached.array.corrections["low_rank"]
        path.up.normal_(generator=generator)
        delta = path.up @ path.down.unflatten(0, (len(path.up), -1))
        expected = expected + attached.linear_map(x, attached.shape_weight(delta.flatten(0, 1)))
        torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-5)


def test_parameters_that_cannot_learn(programmed, digits):
    analog, batches = programmed(), digits.batches()
    for names, error, message in (
        (["0.weight"], ValueError, "the programmed chip does not follow"),
        (["nothing"], ValueError, "is no parameter"),
        ([], ValueError, "at least one"),
        ("1.weight", TypeError, "collection"),
    ):
        with pytest.raises(error, match=message):
            finetune(analog, batches, names)
    with pytest.raises(ValueError, match="at least one batch"):
        finetune_batchnorm(analog, [])
    with pytest.raises(ValueError, match="can be used only once"):
        finetune_batchnorm(analog, (batch for batch in batches[:2]))
    with pytest.raises(TypeError, match="labelled"):
        finetune_batchnorm(analog, [digits.train.images])
    with pytest.raises(ValueError, match="affine=False"):
        finetune_batchnorm(nn.BatchNorm1d(2, affine=False), batches)
    with pytest.raises(ValueError, match="`patience` must be >= 1"):
        finetune_batchnorm(analog, batches, patience=0)
    with pytest.raises(ValueError, match="`statistics` must be one of"):
        finetune_batchnorm(analog, batches, statistics="some")
