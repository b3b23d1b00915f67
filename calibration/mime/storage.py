"""Tasks on disk, as safetensors: small files beside one set of weights."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from calibration.mime.task import Task
from crossbar.atomic_file import write_atomically

_FORMAT = "aimc-crossbar tasks 1"


def save_tasks(path: Path, tasks: Mapping[str, Task]) -> None:
    """Store tasks, replacing the file as a whole or not at all.

    Raises
    ------
    TypeError
        If a head is not an `nn.Linear`, whose kind and sizes the file can hold.
    ImportError
        If safetensors is not installed.
    """
    save_file = _safetensors().torch.save_file
    tensors: dict[str, Tensor] = {}
    parents = {}
    for name, task in tasks.items():
        if type(task.head) is not nn.Linear:
            raise TypeError(
                f"Only tasks with an nn.Linear head can be stored. {name!r} has {type(task.head).__name__}. Remove the "
                "task from the bank before saving, and keep its head yourself."
            )
        parents[name] = task.parent
        groups = {"thresholds": task.thresholds, "batchnorm": task.batchnorm, "head": task.head.state_dict()}
        for group, members in groups.items():
            for key, tensor in members.items():
                tensors[f"{name}/{group}/{key}"] = tensor.detach().contiguous().clone()
    metadata = {"format": _FORMAT, "parents": json.dumps(parents)}
    write_atomically(path, lambda partial: save_file(tensors, partial, metadata=metadata))


def load_tasks(path: Path) -> dict[str, Task]:
    """Return the tasks of a file.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If the file is damaged, or holds something else.
    """
    safetensors = _safetensors()
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist. Give a file written by `TaskBank.save`.")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file, or is damaged: {error}.") from error
    if metadata.get("format") != _FORMAT:
        raise ValueError(f"{path} must hold {_FORMAT!r}. It says {metadata.get('format')!r}.")
    return {name: _task(name, parent, tensors) for name, parent in json.loads(metadata["parents"]).items()}


def _task(name: str, parent: str, tensors: Mapping[str, Tensor]) -> Task:
    groups: dict[str, dict[str, Tensor]] = {"thresholds": {}, "batchnorm": {}, "head": {}}
    for path, tensor in tensors.items():
        owner, group, key = path.split("/")
        if owner == name:
            groups[group][key] = tensor
    weight = groups["head"]["weight"]
    head = nn.Linear(weight.shape[1], weight.shape[0], bias="bias" in groups["head"], device="meta", dtype=weight.dtype)
    head.load_state_dict(groups["head"], assign=True)
    batchnorm = {
        key: nn.Parameter(tensor) if key.endswith((".weight", ".bias")) else tensor
        for key, tensor in groups["batchnorm"].items()
    }
    thresholds = {key: nn.Parameter(tensor) for key, tensor in groups["thresholds"].items()}
    return Task(thresholds=thresholds, head=head, batchnorm=batchnorm, parent=parent)


def _safetensors() -> Any:
    """Import safetensors.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import safetensors
        import safetensors.torch
    except ImportError as error:
        raise ImportError('Stored tasks need safetensors: pip install "aimc-crossbar[demo]".') from error
    return safetensors
