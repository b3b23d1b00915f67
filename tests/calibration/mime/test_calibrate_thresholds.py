import dataclasses

import pytest
import torch

import crossbar as xb
import devices
from calibration import adapt_batchnorm, mime
from crossbar.examples import accuracy, digits_network, load_digits, train_digits
from mapping import MappingConfig
from tests.calibration.mime.mime_networks import analog, images, labelled, network, seeded


def test_only_thresholds_move():
    model = mime.attach_thresholds(analog(network()), images(2))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    history = mime.calibrate_thresholds(model, labelled(), epochs=2)
    after = model.state_dict()
    moved = {name for name, tensor in before.items() if not torch.equal(after[name], tensor)}
    assert moved == {"relu1.threshold", "relu2.threshold"}
    assert history.sizes["epoch"] == 2
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_checkpoint_continues_it(tmp_path):
    results = []
    for _ in range(2):
        model = mime.attach_thresholds(analog(network()), images(2))
        torch.manual_seed(3)
        mime.calibrate_thresholds(model, labelled(), epochs=2, checkpoint=tmp_path / "run")
        results.append(model.relu1.threshold.detach().clone())
    assert torch.equal(*results)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="`model` has no thresholds"):
        mime.calibrate_thresholds(analog(network()), labelled())
    model = mime.attach_thresholds(network(), images(2))
    with pytest.raises(ValueError, match="at least one batch"):
        mime.calibrate_thresholds(model, [])
    with pytest.raises(ValueError, match="`epochs` must be >= 1"):
        mime.calibrate_thresholds(model, labelled(), epochs=0)
    with pytest.raises(TypeError, match="A labelled batch must be a tuple"):
        mime.calibrate_thresholds(model, [images()])


def test_it_recovers_accuracy_on_a_noisy_drifted_chip():
    torch.manual_seed(0)
    train, test = load_digits()
    parent = digits_network()
    train_digits(parent, train, epochs=5)
    config = xb.CrossbarConfig(
        device=dataclasses.replace(devices.RRAM, read_noise=devices.RelativeReadNoise(ratio=0.2, draw="programming")),
        wires=xb.Wires(row=5.0, column=10.0, driver=1e3, sense=1e3),
        mapping=MappingConfig(weight_bits=8, cell_bits=4, rows=64, cols=64),
    )
    chip = xb.convert_to_analog(parent, config, overrides={str(len(parent) - 1): None})
    xb.program_analog_weights(chip, generator=seeded(1))
    xb.drift_analog_weights(chip, 1e5)
    model = mime.attach_thresholds(chip, train.images[:2])
    batches, accuracies = list(train.batches(50)), [accuracy(model, test)]
    adapt_batchnorm(model, batches)
    accuracies.append(accuracy(model, test))
    mime.calibrate_thresholds(model, batches, epochs=3)
    accuracies.append(accuracy(model, test))
    assert accuracies[0] < accuracies[1] < accuracies[2]
    assert accuracies[2] > 0.9
