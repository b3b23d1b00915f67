"""Checkpoints that are truncated, of something else, or meant to do harm: nothing runs, the error says what is wrong."""

import io
import json
import pickle
import re

import pytest
import torch
from torch import nn

import crossbar as xb
from crossbar.command_line.study import read_checkpoint
from crossbar.serialization import tensor_to_text, text_to_tensor

CONFIG = xb.CrossbarConfig(device=xb.devices.RRAM, mapping=xb.MappingConfig(rows=16, cols=16))


def converted(config=CONFIG):
    """Return a converted model, not programmed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return xb.convert_to_analog(nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2)), config).eval()


@pytest.fixture
def state():
    """Return the state of a programmed chip."""
    model = converted()
    xb.program_analog_weights(model, generator=torch.Generator().manual_seed(0))
    return model.state_dict()


class Harm:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_pickle_that_would_do_harm_runs_nothing(suffix, tmp_path):
    mark, path = tmp_path / "harm", tmp_path / f"model{suffix}"
    path.write_bytes(pickle.dumps({"0.weight": Harm(mark)}))
    with pytest.raises(ValueError, match=re.escape(str(path))):
        read_checkpoint(path)
    torch.save({"0.weight": Harm(mark)}, path)
    with pytest.raises(ValueError, match=re.escape(str(path))):
        read_checkpoint(path)
    assert not mark.exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_said_to_be_damaged(share, suffix, state, tmp_path):
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"part{suffix}"
    if suffix == ".pt":
        torch.save(state, whole)
    else:
        safetensors = pytest.importorskip("safetensors.torch", reason="needs safetensors")
        safetensors.save_file({name: tensor.contiguous() for name, tensor in state.items()}, whole)
    assert read_checkpoint(whole).keys() == state.keys()
    path.write_bytes(whole.read_bytes()[: int(share * whole.stat().st_size)])
    with pytest.raises(ValueError, match="damaged"):
        read_checkpoint(path)


def test_what_is_no_state_dict_is_refused(tmp_path):
    path = tmp_path / "list.pt"
    torch.save([torch.zeros(2)], path)
    with pytest.raises(ValueError, match="state_dict"):
        read_checkpoint(path)
    with pytest.raises(FileNotFoundError, match="missing"):
        read_checkpoint(tmp_path / "nowhere.pt")


def test_a_chip_of_another_technology_is_refused(state):
    other = converted(xb.CrossbarConfig(device=xb.devices.FeFET))
    with pytest.raises((RuntimeError, ValueError), match="config"):
        other.load_state_dict(state)


def tampered(state, change):
    """Return the state with the first layer's description changed."""
    key = next(name for name in state if name.endswith("_extra_state"))
    return {**state, key: change(state[key])}


@pytest.mark.parametrize(
    "change",
    [
        lambda tensor: tensor[: len(tensor) // 2],
        lambda tensor: tensor[:0],
        lambda tensor: text_to_tensor("[]"),
        lambda tensor: text_to_tensor("null"),
        lambda tensor: text_to_tensor('{"config": 3}'),
        lambda tensor: text_to_tensor("[" * 100_000),
        lambda tensor: torch.full((40,), 255, dtype=torch.uint8),
        lambda tensor: text_to_tensor(
            json.dumps({**json.loads(tensor_to_text(tensor)), "config": '{"_version": 1, "_type": "os.system"}'})
        ),
    ],
    ids=["half", "empty", "list", "null", "number", "nested too deeply", "not text", "class of another package"],
)
def test_a_damaged_description_is_refused(change, state):
    with pytest.raises((RuntimeError, ValueError), match=r"config|checkpoint|state"):
        converted().load_state_dict(tampered(state, change))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        '{"_version": 99}',
        '{"_version": 1}',
        '{"_version": 1, "_type": "os.system", "command": "true"}',
        '{"_version": 1, "_type": "CrossbarConfig", "chunk": -1}',
        '{"_version": 1, "_type": "CrossbarConfig", "colour": 1}',
        '{"_version": 1, "_type": "Wires", "row": 1.0}',
        '{"_version": 1, "_type": "CrossbarConfig", "device": {"_type": "Device"}}',
        '{"_version": 1, "_type": ["CrossbarConfig"]}',
    ],
)
def test_json_that_is_no_config_is_refused(text):
    with pytest.raises((TypeError, ValueError), match=r"config|`|Config|Device"):
        xb.config_from_json(text)


def test_tensors_of_another_shape_are_refused(state):
    small = xb.convert_to_analog(nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)), CONFIG)
    with pytest.raises((RuntimeError, ValueError), match=r"size|shape"):
        small.load_state_dict(state)


def test_a_missing_tensor_is_named(state):
    file = io.BytesIO()
    torch.save({name: tensor for name, tensor in state.items() if not name.endswith("levels")}, file)
    file.seek(0)
    with pytest.raises((RuntimeError, ValueError), match="levels"):
        converted().load_state_dict(torch.load(file, weights_only=True))


def test_every_flipped_bit_of_the_arrays_is_noticed(state):
    """Of any tensor: cells, placement, clock, corrections; the error names the layer."""
    generator = torch.Generator().manual_seed(0)
    model = converted()
    xb.program_analog_weights(model, generator=torch.Generator().manual_seed(1))
    flipped = 0
    for name, tensor in state.items():
        if ".array." not in name or name.endswith("_extra_state") or not tensor.numel():
            continue
        damaged = tensor.clone().contiguous().reshape(-1)
        raw = damaged.view(torch.uint8)
        place = int(torch.randint(len(raw), (), generator=generator))
        raw[place] ^= 1 << int(torch.randint(1 if tensor.dtype == torch.bool else 8, (), generator=generator))
        with pytest.raises(RuntimeError, match=rf"arrays of `{name.split('.')[0]}`.*checksum"):
            model.load_state_dict({**state, name: damaged.view(tensor.shape)})
        flipped += 1
    assert flipped > 20
    model.load_state_dict(state)


@pytest.mark.parametrize("name", ["0.array.programmed", "2.array.row_index"])
def test_a_missing_or_swapped_tensor_is_noticed(state, name):
    other = converted()
    xb.program_analog_weights(other, generator=torch.Generator().manual_seed(5))
    with pytest.raises(RuntimeError, match=r"checksum|lacks"):
        converted().load_state_dict({key: value for key, value in state.items() if key != name})
    with pytest.raises(RuntimeError, match="checksum"):
        converted().load_state_dict({**state, name: state[name] + 1})
