"""Configs to JSON and back, from a fixed list of classes."""

import functools
import json
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

import devices
import mapping
from crossbar.config import CrossbarConfig
from crossbar.converters import ADC, InputConfig
from crossbar.training_effects import TrainingEffects
from crossbar.training_noise import ChannelNoise, LearnedNoise, OutputShift
from crossbar.wire_compensation import WireCompensation
from devices.arguments import checked

_VERSION = 1
_OWN = (CrossbarConfig, InputConfig, ADC, WireCompensation, TrainingEffects, ChannelNoise, LearnedNoise, OutputShift)


@checked
def config_to_json(config: CrossbarConfig) -> str:
    """Return a config as JSON text, every dataclass as `{"_type": name, field: value, ...}` and the format's version."""
    return json.dumps({"_version": _VERSION, **_encode(config)}, sort_keys=True)


@checked
def config_from_json(text: str) -> CrossbarConfig:
    """Rebuild a config from `config_to_json`.

    Raises
    ------
    ValueError
        If the text is not such JSON, names a class that is not a config, or was written by a newer version.
    """
    config = _decode(read_versioned(text, _VERSION, what="config"))
    if not isinstance(config, CrossbarConfig):
        raise ValueError(f"The config must be a CrossbarConfig. Got {type(config).__name__}.")
    return config


def read_versioned(text: str, version: int, *, what: str) -> dict[str, Any]:
    """Return the object that JSON text of one format version holds, without the version.

    Raises
    ------
    ValueError
        If the text is not such JSON, or of another version; it says of `what`.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"The {what} is not valid JSON: {error}. What holds it is damaged.") from error
    except RecursionError as error:
        raise ValueError(f"The {what} is JSON nested too deeply to be read. What holds it is damaged.") from error
    found = data.pop("_version", None) if isinstance(data, dict) else None
    if found != version:
        raise ValueError(f"The {what} has format version {found!r}; this library reads {version}. Update it.")
    return dict(data)


def config_differences(one: object, other: object, name: str = "") -> list[str]:
    """Return a line for each field in which two configs differ, `name: value -> other value`."""
    if type(one) is type(other) and is_dataclass(one):
        prefix = f"{name}." if name else ""
        pairs = ((f.name, getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
        return [line for part, left, right in pairs for line in config_differences(left, right, prefix + part)]
    return [] if one == other else [f"{name}: {one!r} -> {other!r}"]


def text_to_tensor(text: str) -> Tensor:
    """Return text as a uint8 tensor, which any checkpoint format stores and no loader executes."""
    return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)


def tensor_to_text(tensor: Tensor) -> str:
    """Return the text of `text_to_tensor`."""
    return bytes(tensor.cpu().numpy()).decode()


@functools.cache
def _known_classes() -> dict[str, type]:
    """Return the config classes by name: those exported by the packages below, and the crossbar's own."""
    exported = [*vars(devices).values(), *vars(mapping).values(), *_OWN]
    return {cls.__name__: cls for cls in exported if isinstance(cls, type) and is_dataclass(cls)}


def _encode(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        name = type(value).__name__
        if _known_classes().get(name) is not type(value):
            raise ValueError(f"{name} cannot be stored: export it from `devices` or `mapping`.")
        return {"_type": name, **{f.name: _encode(getattr(value, f.name)) for f in fields(value)}}
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    return value


def _decode(data: Any) -> Any:
    if isinstance(data, list):
        return tuple(_decode(item) for item in data)
    if not isinstance(data, dict):
        return data
    name = data.get("_type")
    cls = _known_classes().get(name) if isinstance(name, str) else None
    if cls is None:
        raise ValueError(f"The config names {name!r}, which is not a known config class. The checkpoint is not ours.")
    known = {f.name for f in fields(cls)}
    unknown = set(data) - known - {"_type"}
    if unknown:
        raise ValueError(f"The stored {name} has unknown fields {sorted(unknown)}; it may come from a newer version.")
    return cls(**{key: _decode(item) for key, item in data.items() if key != "_type"})
