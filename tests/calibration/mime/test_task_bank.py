import time

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import crossbar as xb
from calibration import adapt_batchnorm, mime
from tests.calibration.mime.mime_networks import analog, images, labelled, network, seeded

BATCHNORM = {"a": "parent", "b": "statistics", "c": "affine"}


def made_up_task(model, seed, batchnorm="statistics", outputs=3):
    """A task that changes everything a task can change."""
    torch.manual_seed(seed)
    task, _ = mime.train_task(model, [(images(6), torch.arange(6) % 2)], head=outputs, epochs=1, batchnorm=batchnorm)
    for tensor in task.thresholds.values():
        tensor.data.uniform_(0, 1)
    for name, tensor in task.batchnorm.items():
        if not name.endswith("num_batches_tracked"):
            tensor.data.mul_(torch.rand_like(tensor) + 0.5)
    return task


def bank_of(model, granularity="neuron"):
    attached = mime.attach_thresholds(model, images(2), granularity=granularity)
    bank = mime.TaskBank(attached)
    for seed, (name, batchnorm) in enumerate(BATCHNORM.items()):
        bank.add(name, made_up_task(attached, seed, batchnorm, outputs=3 + seed))
    return bank


MODELS = {"digital": network, "programmed": lambda: analog(network())}
IDEAL = {"digital": network, "programmed": lambda: analog(network(), xb.CrossbarConfig())}


@pytest.mark.parametrize("kind", MODELS)
class TestSwitching:
    def test_every_task_is_what_was_added(self, kind):
        bank, x = bank_of(MODELS[kind]()), images()
        alone = {}
        for name in bank.tasks:
            bank.switch(name)
            torch.manual_seed(0)
            alone[name] = bank.model(x)
        for name in ["c", "parent", "a", "b", "parent", "a"]:
            bank.switch(name)
            assert bank.active == name
            torch.manual_seed(0)
            assert torch.equal(bank.model(x), alone[name])
        assert alone["a"].shape == (12, 3)
        assert alone["c"].shape == (12, 5)

    def test_no_buffer_or_weight_of_a_layer_moves(self, kind):
        bank = bank_of(MODELS[kind]())
        layers = [m for m in bank.model.modules() if isinstance(m, xb.AbstractAnalogLayer | nn.Conv2d)]
        tensors = [t for layer in layers for t in (*layer.parameters(), *layer.buffers())]
        before = [(t.data_ptr(), t.clone()) for t in tensors]
        for name in ("a", "b", "c", "parent"):
            bank.switch(name)
            bank.model(images())
        after = [t for layer in layers for t in (*layer.parameters(), *layer.buffers())]
        assert all(t.data_ptr() == p and torch.equal(t, b) for t, (p, b) in zip(after, before, strict=True))

    def test_the_parent_returns_exactly(self, kind):
        model = MODELS[kind]()
        attached = mime.attach_thresholds(model, images(2))
        before = {name: tensor.clone() for name, tensor in attached.state_dict().items()}
        bank = mime.TaskBank(attached)
        bank.add("a", made_up_task(attached, 0))
        bank.switch("a")
        bank.switch("parent")
        assert all(torch.equal(tensor, before[name]) for name, tensor in attached.state_dict().items())

    def test_it_takes_microseconds(self, kind):
        bank = bank_of(MODELS[kind]())
        times = []
        for index in range(300):
            start = time.perf_counter()
            bank.switch(("a", "b")[index % 2])
            times.append(time.perf_counter() - start)
        assert min(times) < 100e-6


@pytest.mark.parametrize("granularity", ["neuron", "channel", "layer"])
@pytest.mark.parametrize("kind", IDEAL)
def test_a_mixed_batch_gives_each_sample_its_task(kind, granularity):
    bank, x = bank_of(IDEAL[kind](), granularity), images(12)
    tasks = ["a", "parent", "c", "b", "b", "a", "c", "c", "parent", "a", "b", "a"]
    bank.switch("b")
    mixed = bank(x, tasks)
    assert bank.active == "b"
    for sample, name in enumerate(tasks):
        bank.switch(name)
        torch.testing.assert_close(mixed[sample], bank.model(x[sample : sample + 1])[0], rtol=1e-4, atol=1e-5)
    assert bank(x[:0], []) == []
    first, again = bank(x[:1], ["a"]), bank(x[:2], ["a", "c"])
    torch.testing.assert_close(first[0], again[0], rtol=1e-4, atol=1e-5)


def test_calibrating_the_active_task_changes_it_alone():
    bank, x = bank_of(analog(network())), images()
    bank.switch("b")
    kept = {name: tensor.clone() for name, tensor in bank.tasks["a"].thresholds.items()}
    statistics = bank.tasks["parent"].batchnorm["bn1.running_mean"].clone()
    adapt_batchnorm(bank.model, [x])
    mime.calibrate_thresholds(bank.model, [(x, torch.arange(12) % 3)], epochs=1)
    changed = bank.tasks["b"].thresholds["relu1"].clone()
    bank.switch("parent")
    bank.switch("b")
    assert torch.equal(bank.tasks["b"].thresholds["relu1"], changed)
    assert all(torch.equal(bank.tasks["a"].thresholds[name], tensor) for name, tensor in kept.items())
    assert torch.equal(bank.tasks["parent"].batchnorm["bn1.running_mean"], statistics)


def test_saved_tasks_come_back_on_the_same_parent(tmp_path):
    bank, x, path = bank_of(network()), images(), tmp_path / "tasks.safetensors"
    bank.save(path)
    other = mime.TaskBank(mime.attach_thresholds(network(), images(2)))
    other.load(path)
    assert list(other.tasks) == ["parent", *BATCHNORM]
    for name in BATCHNORM:
        bank.switch(name)
        other.switch(name)
        assert torch.equal(bank.model(x), other.model(x))
    chip = mime.TaskBank(mime.attach_thresholds(analog(network(), seed=5), images(2)))
    chip.load(path)
    assert list(chip.tasks) == list(other.tasks)
    other.remove("a")
    assert "a" not in other.tasks
    assert [p.name for p in tmp_path.iterdir()] == ["tasks.safetensors"]


def test_tasks_of_another_parent_are_refused_and_nothing_is_added(tmp_path):
    path = tmp_path / "tasks.safetensors"
    bank_of(network()).save(path)
    stranger = mime.TaskBank(mime.attach_thresholds(network(seed=1), images(2)))
    with pytest.raises(ValueError, match="made for another parent: its weights have the fingerprint"):
        stranger.load(path)
    channels = mime.TaskBank(mime.attach_thresholds(network(), images(2), granularity="channel"))
    with pytest.raises(ValueError, match="the granularity and the input size"):
        channels.load(path)
    assert list(stranger.tasks) == list(channels.tasks) == ["parent"]


def test_other_and_damaged_files_are_refused(tmp_path):
    bank, path = bank_of(network()), tmp_path / "tasks.safetensors"
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="must hold 'aimc-crossbar tasks 1'"):
        bank.load(path)
    bank.save(path)
    with pytest.raises(ValueError, match="holds a task 'a', and so does the bank"):
        bank.load(path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ValueError, match="is not a safetensors file, or is damaged"):
        bank.load(path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        bank.load(tmp_path / "nothing")


def test_bad_input_is_refused(tmp_path):
    bank, x = bank_of(network()), images()
    task = bank.tasks["a"]
    with pytest.raises(ValueError, match="has a task 'a' already"):
        bank.add("a", task)
    with pytest.raises(ValueError, match="must not be empty or contain '/'"):
        bank.add("x/y", task)
    with pytest.raises(ValueError, match=r"has no task 'z'\. Tasks: parent, a, b, c"):
        bank.switch("z")
    with pytest.raises(ValueError, match="is the parent or active"):
        bank.remove("parent")
    with pytest.raises(ValueError, match=r"one task per sample\. Got 1 for 12"):
        bank(x, ["a"])
    with pytest.raises(ValueError, match="has no task 'z'"):
        bank(x, ["z"] * 12)
    bank.model.train()
    with pytest.raises(ValueError, match="needs batch norms in eval mode"):
        bank(x, ["a"] * 12)
    bank.model.eval()
    odd, _ = mime.train_task(bank.model, labelled(), head=nn.Sequential(nn.Linear(6, 3)), epochs=1)
    bank.add("odd", odd)
    with pytest.raises(TypeError, match=r"Only tasks with an nn\.Linear head can be stored"):
        bank.save(tmp_path / "tasks")
    with pytest.raises(TypeError, match="must come from `attach_thresholds`"):
        mime.TaskBank(network())


def test_drift_leaves_the_fingerprint():
    chip = analog(network())
    bank = bank_of(chip)
    task = bank.tasks["a"]
    xb.drift_analog_weights(bank.model, 1e5, generator=seeded(2))
    bank.add("again", task)
