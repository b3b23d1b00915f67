"""What every verb that trains does alike."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import crossbar as xb
import devices
from calibration import (
    adapt_batchnorm,
    finetune,
    finetune_batchnorm,
    finetune_layernorm,
    finetune_squeezed,
    mime,
    train_hardware_aware,
    train_pair_mask,
)
from tests.calibration.model_states import moved, snapshot
from tests.calibration.small_problem import BATCHES, X, Y

DEVICE = devices.Device(g_min=2e-6, g_max=2e-5, read_noise=devices.RelativeReadNoise(ratio=0.05))


def digital():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)).eval()


def with_layernorm():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 3)).eval()


def chip(model=None, **mapping):
    config = xb.CrossbarConfig(device=DEVICE, mapping=xb.MappingConfig(cell_bits=1, **mapping))
    analog = xb.convert_to_analog(digital() if model is None else model, config)
    xb.program_analog_weights(analog, generator=torch.Generator().manual_seed(0))
    return analog.eval()


def with_thresholds():
    return mime.attach_thresholds(chip(), X[:2])


class Training(NamedTuple):
    """A verb that trains."""

    model: Callable[[], nn.Module]
    train: Callable[..., object]

    def run(self, model, batches, **settings):
        """Return the history and every tensor that the verb gives."""
        found = self.train(model, batches, **settings)
        if not isinstance(found, mime.TrainedTask):
            return found, snapshot(model)
        task = found.task
        return found.history, {**task.thresholds, **task.batchnorm, **snapshot(task.head)}


TRAININGS = {
    "finetune": Training(chip, lambda *a, **k: finetune(*a, ["re:[13].bias"], **k)),
    "finetune moving": Training(chip, lambda *a, **k: finetune(*a, ["3.bias"], statistics="moving", **k)),
    "finetune_batchnorm": Training(chip, lambda *a, **k: finetune_batchnorm(*a, statistics="exact", **k)),
    "finetune_layernorm": Training(lambda: chip(with_layernorm()), finetune_layernorm),
    "train_hardware_aware": Training(chip, lambda *a, **k: train_hardware_aware(*a, clip=2.0, **k)),
    "finetune_squeezed": Training(
        lambda: chip(squeezed_planes=2), lambda *a, **k: finetune_squeezed(*a, generator=torch.Generator(), **k)
    ),
    "train_pair_mask": Training(
        chip, lambda *a, **k: train_pair_mask(*a, generator=torch.Generator().manual_seed(2), **k)
    ),
    "calibrate_thresholds": Training(with_thresholds, mime.calibrate_thresholds),
    "train_task": Training(with_thresholds, lambda *a, **k: mime.train_task(*a, head=nn.Linear(8, 3), **k)),
}
every_training = pytest.mark.parametrize("training", TRAININGS.values(), ids=TRAININGS)


@every_training
def test_the_history_has_one_form(training):
    model = training.model()
    flags = [p.requires_grad for p in model.parameters()]
    history, _ = training.run(model, BATCHES, epochs=2, validation=BATCHES[:1])
    assert history.sizes == {"epoch": 2}
    assert {"loss", "accuracy", "learning_rate", "seconds", "validation_loss"} <= set(history)
    assert all("units" in history[name].attrs for name in history)
    assert np.isfinite(history.to_array()).all()
    assert [p.requires_grad for p in model.parameters()] == flags
    assert all(p.grad is None for p in model.parameters())
    assert not any(module.training for module in model.modules())


@every_training
def test_mappings_train_as_tuples_do(training):
    mappings = [{"image": x, "label": y} for x, y in BATCHES]
    states = []
    for batches in (BATCHES, mappings):
        torch.manual_seed(5)
        states.append(training.run(training.model(), batches, epochs=1)[1])
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@every_training
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_puts_the_model_back(training, value):
    model, calls = training.model(), []
    before = snapshot(model)

    def explode(output, target):
        calls.append(1)
        return F.cross_entropy(output, target) * (1.0 if len(calls) < 7 else value)

    with pytest.raises(FloatingPointError, match=r"The loss is (nan|inf). What moved was put back"):
        training.run(model, BATCHES, epochs=2, loss=explode)
    assert not moved(model, before)
    assert len(calls) == 7


@every_training
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_an_input_that_is_not_finite_puts_the_model_back(training, value):
    """A converter may clip infinity, and ReLU drops it: the loss alone does not tell."""
    model = training.model()
    before = snapshot(model)
    broken = X[:10].clone()
    broken[3, 2] = value
    with pytest.raises(FloatingPointError, match=r"inputs that are NaN or infinite"):
        training.run(model, [*BATCHES, (broken, Y[:10])], epochs=1)
    assert not moved(model, before)
    with pytest.raises(FloatingPointError, match=r"inputs that are NaN or infinite"):
        training.run(model, BATCHES, epochs=1, validation=[(broken, Y[:10])])
    assert not moved(model, before)


class Killed(Exception):
    pass


class KilledAfter:
    """Batches of a shuffling loader, the run killed when it asks for one more, or at the end of an epoch."""

    def __init__(self, loader, number):
        self.loader, self.left = loader, number

    def __iter__(self):
        for batch in self.loader:
            if self.left == 0:
                raise Killed
            self.left -= 1
            yield batch
        if self.left == 0:
            raise Killed


@every_training
@pytest.mark.parametrize("kill_at", [3, 4, 6])
def test_a_killed_run_continues_bit_by_bit(training, kill_at, tmp_path):
    loader = DataLoader(TensorDataset(X, Y), batch_size=10, shuffle=True)

    def run(batches, path):
        torch.manual_seed(11)
        settings = {"epochs": 3, "patience": 1, "validation": BATCHES[:2], "checkpoint_steps": 1}
        return training.run(training.model(), batches, checkpoint=path, **settings)

    history, whole = run(loader, tmp_path / "whole")
    with pytest.raises(Killed):
        run(KilledAfter(loader, kill_at), tmp_path / "killed")
    for _ in range(2):
        rest, continued = run(loader, tmp_path / "killed")
        assert continued.keys() == whole.keys()
        for name in ("loss", "validation_loss", "learning_rate", "accuracy"):
            assert np.array_equal(history[name], rest[name])
        assert [name for name, tensor in whole.items() if not torch.equal(tensor, continued[name])] == []


@pytest.mark.parametrize("training", [t for name, t in TRAININGS.items() if name != "train_pair_mask"])
def test_patience_goes_back_to_the_best_epoch(training):
    model, states, validations = training.model(), [], [3.0, 2.0, 4.0, 5.0]

    def loss(output, target):
        if torch.is_grad_enabled():
            return F.cross_entropy(output, target)
        states.append({name: p.detach().clone() for name, p in model.named_parameters()})
        return torch.tensor(validations[len(states) - 1])

    history, final = training.run(model, BATCHES, epochs=8, patience=2, validation=BATCHES[:1], loss=loss)
    assert history.validation_loss.values.tolist() == validations
    learned = {name for name, tensor in states[0].items() if not torch.equal(tensor, states[-1][name])}
    assert learned
    for name in learned:
        # A task names thresholds by their module, and the parameters of its head by themselves.
        short = next(n for n in (name, name.removesuffix(".threshold"), name.rpartition(".")[2]) if n in final)
        assert torch.equal(final[short], states[1][name]), name
        assert not torch.equal(states[1][name], states[-1][name])


@pytest.mark.parametrize("name", ["finetune", "finetune_batchnorm", "calibrate_thresholds"])
def test_a_checkpoint_belongs_to_its_chip(name, tmp_path):
    training, path = TRAININGS[name], tmp_path / "run"
    training.run(training.model(), BATCHES, epochs=1, checkpoint=path)
    other = training.model()
    xb.program_analog_weights(other, generator=torch.Generator().manual_seed(5))
    xb.drift_analog_weights(other, 1e3)
    noisy = xb.analog_layers(other)[0]
    with torch.no_grad():
        noisy.bias += 1
    with pytest.raises(ValueError, match="belongs to a run with other settings"):
        training.run(other, BATCHES, epochs=1, checkpoint=path)


@every_training
def test_bad_settings(training, tmp_path):
    for settings, message in (
        ({"epochs": 0}, "`epochs` must be >= 1"),
        ({"patience": 0}, "`patience` must be >= 1"),
        ({"checkpoint_steps": 2}, "`checkpoint_steps` needs a file"),
        ({"checkpoint": tmp_path / "run", "checkpoint_steps": 0}, "`checkpoint_steps` must be >= 1"),
        ({"validation": []}, "at least one batch"),
    ):
        with pytest.raises(ValueError, match=message):
            training.run(training.model(), BATCHES, **settings)


class Tokens(nn.Module):
    """A model called by keywords that gives an object with logits, as transformers do."""

    def __init__(self):
        super().__init__()
        self.table, self.norm, self.head = nn.Embedding(12, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)

    def forward(self, *, input_ids, attention_mask):
        features = (self.table(input_ids) * attention_mask[..., None]).sum(1)
        return SimpleNamespace(logits=self.head(self.norm(features)))


@pytest.mark.parametrize("verb", ["finetune", "finetune_batchnorm", "finetune_squeezed"])
def test_models_that_are_called_by_keywords(verb):
    torch.manual_seed(0)
    model = xb.convert_to_analog(Tokens(), xb.CrossbarConfig(device=DEVICE), overrides={"table": None}).eval()
    xb.program_analog_weights(model)
    ids = torch.randint(12, (40, 5))
    batches = [
        {"input_ids": rows, "attention_mask": (rows > 2).float(), "labels": rows.sum(1) % 3} for rows in ids.split(10)
    ]
    adapt_batchnorm(model, batches)
    verbs = {
        "finetune": lambda: finetune(model, batches, ["head.bias"]),
        "finetune_batchnorm": lambda: finetune_batchnorm(model, batches),
        "finetune_squeezed": lambda: finetune_squeezed(model, batches, epochs=5, learning_rate=0.05),
    }
    history = verbs[verb]()
    assert float(history.loss[-1]) < float(history.loss[0])
    assert 0 < float(history.accuracy[-1]) <= 1


def test_targets_that_are_no_classes_have_no_accuracy():
    model = chip()
    batches = [(x, x[:, :3]) for x, _ in BATCHES]
    history = finetune(model, batches, ["3.bias"], loss=F.mse_loss, epochs=1)
    assert np.isnan(history.accuracy).all()


def test_the_history_counts_every_sample_once():
    """Batches of unequal sizes: the loss of a frozen model is the mean over samples."""
    torch.manual_seed(0)
    config = xb.CrossbarConfig(device=devices.Ideal, inputs=xb.InputConfig(bits=None))
    model = xb.convert_to_analog(digital(), config).eval()
    xb.program_analog_weights(model)
    with torch.no_grad():
        output = model(X[:13])
        expected, right = F.cross_entropy(output, Y[:13]), (output.argmax(1) == Y[:13]).double().mean()
    uneven = [(X[:10], Y[:10]), (X[10:13], Y[10:13])]
    history = finetune(
        model, uneven, ["3.bias"], epochs=1, optimizer=lambda p: torch.optim.SGD(p, lr=1e-12), validation=uneven
    )
    assert float(history.loss[0]) == pytest.approx(float(expected), rel=1e-6)
    assert float(history.validation_loss[0]) == pytest.approx(float(expected), rel=1e-6)
    assert float(history.accuracy[0]) == pytest.approx(float(right))
