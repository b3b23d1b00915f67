"""What many tasks cost in memory, against models of their own."""

import math
from typing import NamedTuple

import xarray as xr

from calibration.mime.attach import named_thresholds
from calibration.mime.task import Task
from calibration.mime.task_bank import TaskBank
from crossbar.conversion import named_analog_layers
from crossbar.layers import AbstractAnalogLayer
from devices.arguments import checked

_SCHEMES = ("thresholds", "heads only", "fine-tuned copies", "separate models")
_COUNTER = "num_batches_tracked"


@checked
def memory_report(bank: TaskBank) -> xr.Dataset:
    """Count what the parent and its child tasks store, in four schemes.

    - `thresholds`: one set of weights; thresholds, head and own batch-norm tensors per child (MIME).
    - `heads only`: one set of weights; a head per child.
    - `fine-tuned copies`: a full set of parameters per task, on one set of crossbars that is written at every switch.
    - `separate models`: the same parameters, each model on crossbars of its own, never written again.

    Returns
    -------
    xr.Dataset
        Over `scheme`: `parameters` (numbers stored), `memory` (bytes), `saving` (that of separate models over it),
        `cells` (cells on crossbars, 0 for a digital model) and `cells_written` (at every switch of task). Over `task`:
        `thresholds`, `head`, `batchnorm` (numbers of a task's own). `weights` (W of the parent, head and norms
        included), `neurons` (T), and `paper_saving`, (n + 1) W / (W + n T) with n children (arXiv 2204.05274 reports
        3.48 for three).

    Raises
    ------
    ValueError
        If the bank holds no child task.
    """
    children = {name: task for name, task in bank.tasks.items() if name != bank.parent}
    if not children:
        raise ValueError("The bank holds no child task. Add one with `bank.add(name, task)`.")
    shared, parent = _shared_numbers(bank), _own_numbers(bank.tasks[bank.parent])
    own = [_own_numbers(task) for task in children.values()]
    weights = shared + parent.head + parent.batchnorm
    full = weights + sum(shared + parent.batchnorm + child.head for child in own)
    numbers = [weights + sum(sum(child) for child in own), weights + sum(child.head for child in own), full, full]
    cells = sum(int(layer.array.placement.present.sum()) for layer in _programmed(bank))
    sites = [threshold for _, threshold in named_thresholds(bank.model)]
    stored = sum(site.threshold.numel() for site in sites)
    width = next(bank.model.parameters()).element_size()
    per_task = {name: [getattr(child, name) for child in own] for name in _Numbers._fields}
    return xr.Dataset(
        {
            "parameters": ("scheme", numbers, {"long_name": "numbers stored", "units": "1"}),
            "memory": ("scheme", [number * width for number in numbers], {"units": "B"}),
            "saving": ("scheme", [full / number for number in numbers], {"units": "1"}),
            "cells": ("scheme", [cells, cells, cells, (1 + len(own)) * cells], {"units": "1"}),
            "cells_written": ("scheme", [0, 0, cells, 0], {"long_name": "cells written per switch", "units": "1"}),
            **{name: ("task", values, {"units": "1"}) for name, values in per_task.items()},
            "weights": ((), weights, {"long_name": "parameters of the parent", "units": "1"}),
            "neurons": ((), sum(math.prod(site.neurons) for site in sites), {"units": "1"}),
            "paper_saving": ((), (1 + len(own)) * weights / (weights + len(own) * stored), {"units": "1"}),
        },
        coords={"scheme": list(_SCHEMES), "task": list(children)},
    )


class _Numbers(NamedTuple):
    """How many numbers of each kind are a task's own."""

    thresholds: int
    head: int
    batchnorm: int


def _own_numbers(task: Task) -> _Numbers:
    return _Numbers(
        thresholds=sum(tensor.numel() for tensor in task.thresholds.values()),
        head=sum(tensor.numel() for tensor in task.head.parameters()),
        batchnorm=sum(tensor.numel() for name, tensor in task.batchnorm.items() if not name.endswith(_COUNTER)),
    )


def _shared_numbers(bank: TaskBank) -> int:
    """Return how many parameters no task replaces: weights and biases of all layers but the head."""
    own: set[int] = set()
    for task in bank.tasks.values():
        own |= {id(tensor) for values in (task.thresholds, task.batchnorm) for tensor in values.values()}
        own |= {id(tensor) for tensor in task.head.parameters()}
    return sum(parameter.numel() for parameter in bank.model.parameters() if id(parameter) not in own)


def _programmed(bank: TaskBank) -> list[AbstractAnalogLayer]:
    return [layer for _, layer in named_analog_layers(bank.model) if layer.array.programmed_yet]
