"""The life of a chip: programming, drift, checkpoints, real pairs."""

import copy
import io
from dataclasses import replace

import pytest
import torch
from torch import nn

import crossbar as xb
from devices import GaussianProgramming, PowerLawDrift

CONFIG = xb.CrossbarConfig(
    device=replace(
        xb.devices.RRAM,
        programming=GaussianProgramming(spread=0.05),
        drift=PowerLawDrift(nu=0.05, nu_spread=0.02),
        read_noise=None,
    ),
    mapping=xb.MappingConfig(rows=32, cols=16),
)


def layer_on_chip(seed=0, config=CONFIG):
    torch.manual_seed(5)
    layer = xb.convert_to_analog(nn.Linear(50, 12), config).eval()
    layer.program(generator=torch.Generator().manual_seed(seed))
    return layer


def test_drift_follows_every_cell_of_a_pair():
    layer = layer_on_chip()
    cells = layer.array.cells
    layer.drift(1e4)
    used = layer.array.used
    expected = cells.programmed * 1e4**-cells.drift_state
    factor = layer.array.placement.column_significance[:, None, :] * 2.0**0
    step = (CONFIG.device.g_max - CONFIG.device.g_min) / (2.0 ** layer.array.column_bits[:, None, :] - 1)
    weight = torch.zeros(50, 12)
    values = torch.where(used, expected * factor / step, 0)
    for tile in range(len(values)):
        rows, columns = layer.array.row_index[tile], layer.array.column_index[tile]
        for row, source in enumerate(rows.tolist()):
            for column, output in enumerate(columns.tolist()):
                if source >= 0 and output >= 0:
                    weight[source, output] += values[tile, row, column] * layer.array.scale
    torch.testing.assert_close(layer.array.effective_weight.T, weight, rtol=1e-4, atol=1e-6)


def test_clock_moves_back_and_forth():
    layer = layer_on_chip()
    fresh = layer.array.effective_weight.clone()
    layer.drift(1e6)
    assert not torch.allclose(layer.array.effective_weight, fresh)
    layer.drift(0.0)
    assert torch.equal(layer.array.effective_weight, fresh)


def test_drift_drawn_anew_only_with_a_generator():
    layer = layer_on_chip()
    layer.drift(1e4)
    first = layer.array.effective_weight.clone()
    layer.drift(1e4)
    assert torch.equal(layer.array.effective_weight, first)
    layer.drift(1e4, generator=torch.Generator().manual_seed(9))
    assert not torch.allclose(layer.array.effective_weight, first)


def test_programming_twice_starts_from_the_ideal_weights():
    layer = layer_on_chip(seed=1)
    once = layer.array.effective_weight.clone()
    for _ in range(4):
        layer.program(generator=torch.Generator().manual_seed(1))
    assert torch.equal(layer.array.effective_weight, once)


def test_training_between_programmings_is_not_lost():
    layer = layer_on_chip()
    with torch.no_grad():
        layer.weight.mul_(-1)
    layer.program(generator=torch.Generator().manual_seed(0))
    error = (layer.array.effective_weight - layer.weight).norm() / layer.weight.norm()
    assert error < 0.3


def test_checkpoint_of_another_config_is_refused():
    layer = layer_on_chip()
    other = xb.convert_to_analog(layer.to_digital(), replace(CONFIG, wires=xb.Wires(row=1.0)))
    with pytest.raises(RuntimeError, match="another CrossbarConfig"):
        other.load_state_dict(layer.state_dict())


def test_digital_weights_load_beside_a_chip():
    layer = layer_on_chip()
    chip = layer.array.effective_weight.clone()
    layer.load_state_dict(nn.Linear(50, 12).state_dict(), strict=False)
    assert torch.equal(layer.array.effective_weight, chip)


def test_checkpoint_of_an_unprogrammed_model_loads():
    fresh = xb.convert_to_analog(nn.Linear(50, 12), CONFIG)
    layer = layer_on_chip()
    layer.load_state_dict(fresh.state_dict())
    assert not layer.array.programmed_yet


def test_state_dict_deep_copies_and_assigns():
    layer = layer_on_chip()
    state = copy.deepcopy(layer.state_dict())
    with torch.device("meta"):
        digital = nn.Linear(50, 12)
    other = xb.convert_to_analog(digital, CONFIG).eval()
    other.load_state_dict(state, assign=True)
    x = torch.rand(3, 50)
    assert torch.equal(other(x), layer(x))


def test_truncated_checkpoint_is_refused():
    file = io.BytesIO()
    torch.save(layer_on_chip().state_dict(), file)
    broken = io.BytesIO(file.getvalue()[: len(file.getvalue()) // 2])
    with pytest.raises((RuntimeError, ValueError)):
        torch.load(broken, weights_only=True)


def test_hostile_config_executes_nothing():
    from crossbar.serialization import text_to_tensor

    layer = layer_on_chip()
    state = layer.state_dict()
    state["array._extra_state"] = text_to_tensor('{"config": "{\\"_type\\": \\"os.system\\"}", "placement": {}}')
    with pytest.raises(RuntimeError, match="another CrossbarConfig"):
        layer.load_state_dict(state)


def test_a_checkpoint_from_before_a_field_was_added_loads():
    """Fields of a config that a checkpoint does not know have their defaults."""
    from crossbar.serialization import tensor_to_text, text_to_tensor

    layer = layer_on_chip()
    state = layer.state_dict()
    text = tensor_to_text(state["array._extra_state"])
    assert '\\"reference_column\\": false, ' in text
    state["array._extra_state"] = text_to_tensor(text.replace('\\"reference_column\\": false, ', ""))
    other = layer_on_chip(seed=1)
    other.load_state_dict(state)
    assert torch.equal(other.array.effective_weight, layer.array.effective_weight)


def test_a_chip_programmed_in_inference_mode_passes_gradients():
    layer = xb.convert_to_analog(nn.Linear(5, 3), CONFIG).eval()
    with torch.inference_mode():
        xb.program_analog_weights(layer)
        xb.drift_analog_weights(layer, 10.0)
        layer(torch.ones(1, 5))
    x = torch.ones(2, 5, requires_grad=True)
    layer(x).sum().backward()
    torch.testing.assert_close(x.grad, layer.array.effective_weight.sum(0).expand(2, 5))


def test_time_must_be_a_time():
    layer = layer_on_chip()
    for t in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="`t` must be"):
            xb.drift_analog_weights(layer, t)


def test_drift_before_programming_is_refused():
    with pytest.raises(RuntimeError, match="program_analog_weights"):
        xb.drift_analog_weights(xb.convert_to_analog(nn.Linear(3, 2), CONFIG), 10.0)


@pytest.mark.parametrize("encoding", ["differential", "offset"])
def test_what_offset_inputs_leave_of_real_cells_is_added(encoding):
    """The offset is subtracted for the ideal weights; cells behind wires give less, in either way to read."""
    config = xb.CrossbarConfig(
        device=replace(xb.devices.RRAM, read_noise=None),
        wires=xb.Wires(row=20.0, column=20.0, driver=200.0, sense=200.0),
        mapping=xb.MappingConfig(rows=16, cols=16, encoding=encoding),
        inputs=xb.InputConfig(negative="offset"),
    )
    torch.manual_seed(0)
    digital, x, outputs = nn.Linear(30, 5), torch.randn(4, 30), {}
    for plan in ("collapsed", "tiled"):
        layer = xb.convert_to_analog(digital, replace(config, plan=plan)).eval()
        xb.program_analog_weights(layer)
        outputs[plan] = layer(x).detach()
    codes = layer.input_codes(x) + 128.0
    read = codes @ layer.array.effective_weight.t() - 128 * layer.array.placement.to_weight().sum(0)
    scale = x.abs().amax(1, keepdim=True) / 127
    torch.testing.assert_close(
        outputs["collapsed"], read.detach() * scale + digital.bias.detach(), rtol=1e-3, atol=1e-4
    )
    torch.testing.assert_close(outputs["tiled"], outputs["collapsed"], rtol=1e-3, atol=1e-3)
