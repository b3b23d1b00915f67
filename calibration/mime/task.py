"""A task: what a model changes to solve it, and where in the model that lives."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from calibration.batchnorm import batchnorm_modules
from calibration.mime.attach import named_thresholds
from calibration.mime.fingerprint import parent_fingerprint
from calibration.mime.threshold import Threshold
from devices.arguments import checked

BatchNormTask = Literal["parent", "statistics", "affine"]
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_AFFINE = ("weight", "bias")


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """Everything that is a task's own; the weights on the crossbars are the parent's.

    Parameters
    ----------
    thresholds
        Thresholds by the name of their module.
    head
        The output layer; digital for a child task.
    batchnorm
        Batch-norm tensors by their name in the model, e.g. `"bn1.running_mean"`; those missing are the parent's.
    parent
        Fingerprint of the parent's weights.
    """

    thresholds: Mapping[str, Tensor]
    head: nn.Module
    batchnorm: Mapping[str, Tensor]
    parent: str

    def __repr__(self) -> str:
        """Say how much there is of everything."""
        sizes = {
            name: sum(value.numel() for value in values.values())
            for name, values in (("thresholds", self.thresholds), ("batch-norm numbers", self.batchnorm))
        }
        return f"Task({', '.join(f'{size} {name}' for name, size in sizes.items())}, head {self.head})"


class Slot(NamedTuple):
    """Where a module keeps one of its tensors or children: replacing the entry replaces nothing else."""

    holder: dict[str, Any]
    """The module's own table of parameters, buffers or children."""
    key: str
    """Name in it."""


def head_name(model: nn.Module) -> str:
    """Return the name of the layer whose result is the model's output.

    Raises
    ------
    TypeError
        If the model was not made by `attach_thresholds`.
    ValueError
        If the output is not the result of one layer.
    """
    if not isinstance(model, fx.GraphModule):
        raise TypeError(f"`model` must come from `attach_thresholds`. Got {type(model).__name__}.")
    output = model.graph.output_node().args[0]
    if not isinstance(output, fx.Node) or output.op != "call_module":
        raise ValueError("`model` must return the result of a layer, its head, which each task replaces by its own.")
    return str(output.target)


def task_slots(model: nn.Module) -> dict[str, Slot]:
    """Return where a model keeps what tasks replace: thresholds and batch-norm tensors by name, and `"head"`."""
    name = head_name(model)
    parent, _, key = name.rpartition(".")
    slots = {"head": Slot(model.get_submodule(parent)._modules, key)}
    for module_name, module in model.named_modules():
        if isinstance(module, Threshold):
            slots[module_name] = Slot(module._parameters, "threshold")
        if isinstance(module, _BatchNorm):
            for key in (*_STATISTICS, *_AFFINE):
                holder: dict[str, Any] = module._parameters if key in _AFFINE else module._buffers
                if holder.get(key) is not None:
                    slots[f"{module_name}.{key}"] = Slot(holder, key)
    return slots


@checked
def read_task(model: nn.Module, *, batchnorm: BatchNormTask = "affine") -> Task:
    """Return the task that a model now solves; it shares its tensors with the model."""
    slots = task_slots(model)
    names = batchnorm_names(model, batchnorm)
    return Task(
        thresholds={name: module.threshold for name, module in named_thresholds(model)},
        head=slots["head"].holder[slots["head"].key],
        batchnorm={name: slots[name].holder[slots[name].key] for name in names if name in slots},
        parent=parent_fingerprint(model, without=head_name(model)),
    )


def copy_task(task: Task, device: torch.device | None = None) -> Task:
    """Return a task with tensors of its own, on `device`, as parameters where they were."""
    return Task(
        thresholds={name: _owned(tensor, device) for name, tensor in task.thresholds.items()},
        head=copy.deepcopy(task.head).to(device),
        batchnorm={name: _owned(tensor, device) for name, tensor in task.batchnorm.items()},
        parent=task.parent,
    )


def task_values(task: Task) -> dict[str, Any]:
    """Return what a task puts into the slots of a model, by slot."""
    return {**task.thresholds, **task.batchnorm, "head": task.head}


def batchnorm_names(model: nn.Module, batchnorm: BatchNormTask) -> list[str]:
    """Return the names of the batch-norm tensors that are a task's own.

    Raises
    ------
    ValueError
        If some are asked for and the model has no batch norm with running statistics.
    """
    if batchnorm == "parent":
        return []
    norms = {id(norm) for norm in batchnorm_modules(model)}
    keys = (*_STATISTICS, *_AFFINE) if batchnorm == "affine" else _STATISTICS
    return [f"{name}.{key}" for name, module in model.named_modules() if id(module) in norms for key in keys]


@contextmanager
def installed(model: nn.Module, values: Mapping[str, Any]) -> Iterator[None]:
    """Put values into the slots of a model; what was there returns on exit."""
    slots = task_slots(model)
    before = {name: slots[name].holder[slots[name].key] for name in values}
    try:
        for name, value in values.items():
            slots[name].holder[slots[name].key] = value
        yield
    finally:
        for name, value in before.items():
            slots[name].holder[slots[name].key] = value


def check_task(model: nn.Module, task: Task) -> None:
    """Raise unless a task was made for the weights and the thresholds of a model.

    Raises
    ------
    ValueError
        If its parent has other weights, or its thresholds lie elsewhere or have other shapes.
    """
    fingerprint = parent_fingerprint(model, without=head_name(model))
    if task.parent != fingerprint:
        raise ValueError(
            f"The task was made for another parent: its weights have the fingerprint {task.parent[:12]}, those of this "
            f"model {fingerprint[:12]}. Thresholds mean nothing to other weights; train the task on this model."
        )
    slots = task_slots(model)
    sites = {name for name, _ in named_thresholds(model)}
    if set(task.thresholds) != sites:
        raise ValueError(
            f"The task has thresholds for {sorted(task.thresholds)}, this model for {sorted(sites)}. Attach thresholds "
            "to this model as to the one that the task was trained on."
        )
    for name, tensor in {**task.thresholds, **task.batchnorm}.items():
        shape = tuple(slots[name].holder[slots[name].key].shape) if name in slots else None
        if shape is None or tuple(tensor.shape) != shape:
            raise ValueError(
                f"The task's {name!r} has shape {tuple(tensor.shape)}; this model's has {shape}. Attach thresholds "
                "with the granularity and the input size that the task was trained with."
            )


def new_head(model: nn.Module, head: int | nn.Module) -> nn.Module:
    """Return a digital head: a copy of a module, or a fresh linear layer for a number of classes.

    Raises
    ------
    ValueError
        If a number is given and the head that it replaces is not a linear layer.
    """
    if isinstance(head, nn.Module):
        return copy.deepcopy(head)
    old = model.get_submodule(head_name(model))
    features = getattr(old, "in_features", None)
    if not isinstance(features, int):
        raise ValueError(
            f"`head` can be a number of classes where the model ends in a linear layer. Here it ends in "
            f"{type(old).__name__} {head_name(model)!r}. Give the head as a module."
        )
    tensor = next(old.parameters())
    return nn.Linear(features, head, device=tensor.device, dtype=tensor.dtype)


def _owned(tensor: Tensor, device: torch.device | None) -> Tensor:
    clone = tensor.detach().to(device, copy=True)
    return nn.Parameter(clone, requires_grad=tensor.requires_grad) if isinstance(tensor, nn.Parameter) else clone


def fresh(tensor: Tensor) -> Tensor:
    """Return a copy of a parameter that learns, or of a buffer."""
    clone = tensor.detach().clone()
    return nn.Parameter(clone) if isinstance(tensor, nn.Parameter) else clone
