"""Models and data of a study: examples by name, or functions by import path."""

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from crossbar.command_line.study.mistake import FieldError
from crossbar.examples import Split, digits_network, load_cifar10, load_digits, load_resnet20, train_digits
from crossbar.examples.vgg16 import load_vgg16


def _trained_digits(folder: Path | None) -> nn.Module:
    """Train the digits network, in seconds."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = digits_network()
    train_digits(model, load_digits()[0])
    return model


def _in_folder(load: Callable[[Path], nn.Module]) -> Callable[[Path | None], nn.Module]:
    def loaded(folder: Path | None) -> nn.Module:
        """Return the loaded object."""
        if folder is None:
            raise ValueError("the trained weights need a folder.")
        return load(folder)

    return loaded


EXAMPLE_MODELS: Mapping[str, Callable[[Path | None], nn.Module]] = MappingProxyType(
    {"digits": _trained_digits, "resnet20": _in_folder(load_resnet20), "vgg16": _in_folder(load_vgg16)}
)
"""Trained example networks by name; a folder holds the weights where they are not trained here."""
EXAMPLE_DATA = ("digits", "cifar10")
"""Example data by name."""
EXAMPLE_INPUTS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"digits": (1, 8, 8), "resnet20": (3, 32, 32), "vgg16": (3, 32, 32)}
)
"""Shape of one input of the example networks."""


def load_model(name: str, *, folder: Path | None = None, checkpoint: Path | None = None) -> nn.Module:
    """Return an example network by its name, or what the function at `package.module:function` returns, in eval mode.

    Raises
    ------
    FieldError
        If there is no such model, naming `model.name`, `model.folder` or `model.checkpoint`.
    """
    if name in EXAMPLE_MODELS:
        try:
            model = EXAMPLE_MODELS[name](folder)
        except (OSError, ValueError) as error:
            raise FieldError("model.folder", str(error)) from error
    else:
        model = import_function(name, field="model.name", examples=tuple(EXAMPLE_MODELS))()
        if not isinstance(model, nn.Module):
            raise FieldError("model.name", f"must return an nn.Module. {name} returned {type(model).__name__}.")
    if checkpoint is not None:
        try:
            model.load_state_dict(read_checkpoint(checkpoint))
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            raise FieldError("model.checkpoint", str(error)) from error
    return model.eval()


def load_data(name: str, *, folder: Path | None, train: int, test: int) -> tuple[Split, Split]:
    """Return the first `train` and `test` images of example data, or of what `package.module:function` returns.

    Raises
    ------
    FieldError
        If there is no such data, naming `data.name` or `data.folder`.
    """
    if name == "cifar10":
        if folder is None:
            raise FieldError("data.folder", "must name the folder with cifar10.npz. Got none.")
        try:
            return load_cifar10(folder, train=train, test=test)
        except (OSError, ValueError) as error:
            raise FieldError("data.folder", str(error)) from error
    splits = load_digits() if name == "digits" else import_function(name, field="data.name", examples=EXAMPLE_DATA)()
    try:
        (train_images, train_labels), (test_images, test_labels) = splits
    except (TypeError, ValueError) as error:
        message = f"must return ((images, labels), (images, labels)), for training and for test. {name} did not."
        raise FieldError("data.name", message) from error
    return Split(train_images, train_labels).first(train), Split(test_images, test_labels).first(test)


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file or of a torch checkpoint, running nothing that the file holds.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    ValueError
        If it is damaged, or holds anything but tensors by name.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        data = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError as error:
        raise ImportError('safetensors is needed: pip install "aimc-crossbar[demo]".') from error
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path} is no checkpoint of tensors, or is damaged: {reason}") from error
    if not isinstance(data, Mapping) or not all(isinstance(value, Tensor) for value in data.values()):
        raise ValueError(f"{path} must hold a state_dict of tensors. Save `model.state_dict()`.")
    return dict(data)


def import_function(path: str, *, field: str, examples: tuple[str, ...]) -> Callable[[], Any]:
    """Return the function at `package.module:function`; modules of the current folder are found.

    Raises
    ------
    FieldError
        If there is none.
    """
    module_name, colon, function_name = path.partition(":")
    if not colon or not module_name or not function_name:
        raise FieldError(field, f"must be {', '.join(examples)} or package.module:function. Got {path!r}.")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise FieldError(field, f"cannot import {path}: {error}.") from error
    if not callable(function):
        raise FieldError(field, f"must be a function without arguments. {path} is a {type(function).__name__}.")
    return function  # type: ignore[no-any-return]
