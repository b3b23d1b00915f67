import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from calibration import mime
from crossbar.examples import digits_network, load_digits, train_digits
from tests.calibration.mime.mime_networks import analog, images, labelled, network


def attached(on_chip=False, **settings):
    model = analog(network()) if on_chip else network()
    return mime.attach_thresholds(model, images(2), **settings)


def state(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_unchanged(model, before):
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def task_accuracy(model, task, batches):
    bank = mime.TaskBank(model)
    bank.add("task", task)
    bank.switch("task")
    correct = sum(int((model(x).argmax(1) == y).sum()) for x, y in batches)
    bank.switch("parent")
    return correct / sum(len(y) for _, y in batches)


@pytest.mark.parametrize("on_chip", [False, True], ids=["digital", "programmed"])
@pytest.mark.parametrize("batchnorm", ["parent", "statistics", "affine"])
def test_the_parent_is_bit_identical_after_training_and_use(on_chip, batchnorm):
    model, batches = attached(on_chip), labelled()
    before, flags = state(model), [p.requires_grad for p in model.parameters()]
    task, history = mime.train_task(model, batches, head=3, epochs=8, batchnorm=batchnorm)
    assert_unchanged(model, before)
    assert [p.requires_grad for p in model.parameters()] == flags
    assert all(p.grad is None for p in model.parameters())
    assert not model.training
    task_accuracy(model, task, batches)
    assert_unchanged(model, before)
    assert float(history.loss[-1]) < float(history.loss[0])
    assert history.sizes["epoch"] == 8
    assert bool(task.batchnorm) == (batchnorm != "parent")
    assert all((t >= 0).all() for t in task.thresholds.values())
    assert any((t > 0).any() for t in task.thresholds.values())


def test_head_only_moves_no_threshold():
    model = attached()
    task, _ = mime.train_task(model, labelled(), head=3, epochs=2, thresholds=False, batchnorm="parent")
    assert all((t == 0).all() for t in task.thresholds.values())


@pytest.mark.parametrize("granularity", ["neuron", "channel", "layer"])
def test_beta_rewards_sparsity(granularity):
    model, means = attached(granularity=granularity, initial=0.1), []
    for reward, beta in (("low", 1e-2), ("high", 0.0), ("high", 1e-2)):
        torch.manual_seed(0)
        _, history = mime.train_task(model, labelled(), head=3, epochs=3, beta=beta, reward=reward)
        means.append(float(history.threshold[-1]))
    assert means == sorted(means)
    assert means[0] < means[1] < means[2]


def test_penalty_counts_neurons_not_parameters():
    expected = 2 * 6 * 6 * 6 * np.exp(-0.1)
    for granularity in ("neuron", "channel", "layer"):
        model = attached(granularity=granularity, initial=0.1)
        _, history = mime.train_task(
            model, labelled(), head=3, epochs=1, beta=1.0, learning_rate=1e-9, head_learning_rate=1e-9
        )
        assert float(history.penalty[0]) == pytest.approx(expected, rel=1e-4)


class Killed(Exception):
    pass


class KilledAfter:
    """Batches of a shuffling loader, the run killed at one of them."""

    def __init__(self, loader, number):
        self.loader, self.left = loader, number

    def __iter__(self):
        for batch in self.loader:
            if self.left == 0:
                raise Killed
            self.left -= 1
            yield batch


@pytest.mark.parametrize(("kill_at", "on_chip"), [(0, False), (3, False), (4, True), (8, False)])
def test_a_killed_run_continues_bit_by_bit(tmp_path, on_chip, kill_at):
    x, y = (torch.cat(tensors) for tensors in zip(*labelled(), strict=True))
    loader = DataLoader(TensorDataset(x, y), batch_size=10, shuffle=True)
    settings = {"head": nn.Linear(6, 3), "epochs": 2, "batchnorm": "affine", "checkpoint_steps": 1}

    def run(batches, path):
        torch.manual_seed(11)
        return mime.train_task(attached(on_chip), batches, checkpoint=path, **settings)

    whole, history = run(loader, tmp_path / "whole")
    with pytest.raises(Killed):
        run(KilledAfter(loader, kill_at), tmp_path / "killed")
    torch.manual_seed(999)
    continued, rest = run(loader, tmp_path / "killed")
    again, _ = run(loader, tmp_path / "killed")
    for task in (continued, again):
        for name, tensor in {**whole.thresholds, **whole.batchnorm}.items():
            assert torch.equal({**task.thresholds, **task.batchnorm}[name], tensor), name
        assert torch.equal(task.head.weight, whole.head.weight)
    assert np.array_equal(history.loss, rest.loss)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["killed", "whole"]


def test_a_kill_while_writing_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    path, model = tmp_path / "run", attached()
    mime.train_task(model, labelled(), head=3, epochs=1, checkpoint=path)
    kept = path.read_bytes()

    def torn(state, partial):
        partial.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(OSError, match="disk full"):
        mime.train_task(model, labelled(), head=3, epochs=1, checkpoint=tmp_path / "other")
    assert path.read_bytes() == kept
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_other_and_damaged_checkpoints_are_refused(tmp_path):
    path, model = tmp_path / "run", attached()
    mime.train_task(model, labelled(), head=3, epochs=1, checkpoint=path)
    with pytest.raises(ValueError, match="belongs to a run with other settings"):
        mime.train_task(model, labelled(), head=3, epochs=2, checkpoint=path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="is not a checkpoint of a training run, or is damaged"):
        mime.train_task(model, labelled(), head=3, epochs=1, checkpoint=path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        mime.train_task(model, labelled(), head=3, epochs=1, checkpoint=tmp_path / "no" / "run")


def test_bad_input_is_refused():
    model = attached()
    before = state(model)
    with pytest.raises(ValueError, match="`batches` must hold at least one batch"):
        mime.train_task(model, [], head=3)
    with pytest.raises(ValueError, match="a generator can be used only once"):
        mime.train_task(model, (batch for batch in labelled()), head=3, epochs=2)
    with pytest.raises(TypeError, match="must come from `attach_thresholds`"):
        mime.train_task(network(), labelled(), head=3)
    with pytest.raises(ValueError, match="`epochs` must be >= 1"):
        mime.train_task(model, labelled(), head=3, epochs=0)
    with pytest.raises(ValueError, match="`learning_rate` must be > 0"):
        mime.train_task(model, labelled(), head=3, learning_rate=0.0)
    with pytest.raises(ValueError, match="`beta` must be >= 0"):
        mime.train_task(model, labelled(), head=3, beta=-1.0)
    broken = [(x * float("nan"), y) for x, y in labelled()]
    with pytest.raises(FloatingPointError, match="The loss is nan"):
        mime.train_task(model, broken, head=3)
    assert_unchanged(model, before)


def test_thresholds_beat_the_head_alone_on_digits():
    """A parent trained on the digits 0-4 learns 5-9 through its thresholds."""
    torch.manual_seed(0)
    train, test = load_digits()
    low, high = (
        lambda data, keep=keep: type(data)(data.images[keep(data.labels)], data.labels[keep(data.labels)] % 5)
        for keep in (lambda labels: labels < 5, lambda labels: labels >= 5)
    )
    parent = digits_network()
    train_digits(parent, low(train), epochs=4)
    model = mime.attach_thresholds(parent, train.images[:2])
    batches, held_out = list(high(train).batches(50)), list(high(test).batches(100))
    accuracies = []
    for thresholds in (False, True):
        torch.manual_seed(1)
        task, _ = mime.train_task(model, batches, head=5, epochs=6, thresholds=thresholds)
        accuracies.append(task_accuracy(model, task, held_out))
    assert accuracies[1] > accuracies[0]
    assert accuracies[1] > 0.93
