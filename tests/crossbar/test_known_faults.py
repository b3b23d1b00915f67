"""The known faults of a chip: given when it is programmed, kept in its buffers, and in no config."""

import pytest
import torch
from torch import nn

import crossbar as xb
from devices import FaultMap

DEVICE = xb.Device(g_min=1e-6, g_max=2e-5)


def converted(**mapping):
    config = xb.CrossbarConfig(device=DEVICE, mapping=xb.MappingConfig(rows=16, cols=16, **mapping))
    torch.manual_seed(0)
    return xb.convert_to_analog(nn.Sequential(nn.Linear(20, 5), nn.ReLU(), nn.Linear(5, 3)), config).eval()


def open_inputs(*inputs):
    where = torch.zeros(20, 5, dtype=torch.bool)
    where[list(inputs)] = True
    return FaultMap(open=where)


def test_open_word_lines_read_as_zero_weights():
    """Both cells of a differential pair are open there, in every slice: the layer is that without these inputs."""
    model, x = converted(), torch.randn(7, 20)
    xb.program_analog_weights(model, faults={"0": open_inputs(3, 17)})
    without = x.clone()
    without[:, [3, 17]] = 0
    largest = x.abs().argmax(1)
    keep = ~((largest == 3) | (largest == 17))  # those inputs set the range of the codes
    with torch.no_grad():
        assert torch.allclose(model[0](x)[keep], model[0](without)[keep], atol=1e-5)
        assert not torch.allclose(model[0](x), nn.functional.linear(x, model[0].weight, model[0].bias), atol=0.05)
    other = converted()
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert torch.equal(other(x), model(x))


def test_faults_take_no_room_in_the_config_and_end_with_the_chip():
    model = converted()
    xb.program_analog_weights(model)
    size = model.state_dict()["0.array._extra_state"].numel()
    xb.program_analog_weights(model, faults={"0": open_inputs(*range(10))})
    assert model.state_dict()["0.array._extra_state"].numel() == size
    assert model[0].array.stuck.any()
    assert model[2].array.stuck is None
    xb.program_analog_weights(model)
    assert model[0].array.stuck is None


def test_one_plane_can_be_faulty_alone():
    model = converted()
    where = torch.zeros(4, 20, 5, dtype=torch.bool)  # two slices of two signs
    where[1, 2, 3] = True
    xb.program_analog_weights(model, faults={"0": FaultMap(g_max=where)})
    assert int(model[0].array.stuck.sum()) == 1


def test_reference_columns_have_no_known_faults():
    model = converted(encoding="offset", reference_column=True)
    xb.program_analog_weights(model, faults={"0": open_inputs(3)})
    assert int(model[0].array.stuck.sum()) == 2 * 5


def test_wrong_faults_are_refused_by_layer():
    model = converted()
    with pytest.raises(ValueError, match=r"`faults` must name analog layers. Got 1, head; there are 0, 2"):
        xb.program_analog_weights(model, faults={"head": open_inputs(1), "1": open_inputs(1)})
    with pytest.raises(
        ValueError, match=r"`faults` of layer `2`: `open` must have the shape of the cells, \(4, 5, 3\)"
    ):
        xb.program_analog_weights(model, faults={"2": open_inputs(1)})
    with pytest.raises(TypeError, match="`faults`: the value of '2' must be a FaultMap"):
        xb.program_analog_weights(model, faults={"2": torch.zeros(5, 3)})


def test_a_refused_programming_leaves_the_chip_that_was_there():
    model, x = converted(), torch.randn(3, 20)
    xb.program_analog_weights(model)
    before, state = model(x), {name: tensor.clone() for name, tensor in model[0].array.state_dict().items()}
    with torch.no_grad():
        model[0].weight.mul_(-1)
    with pytest.raises(ValueError, match="shape of the cells"):
        model[0].program(faults=FaultMap(open=torch.ones(3, 3, dtype=torch.bool)))
    assert all(torch.equal(tensor, state[name]) for name, tensor in model[0].array.state_dict().items())
    xb.drift_analog_weights(model, t=0.0)
    with pytest.warns(xb.StaleChipWarning):
        assert torch.equal(model(x), before)
