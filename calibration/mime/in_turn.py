"""One measurement on every task, with its thresholds and with ReLU in their place."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import torch
from torch import nn

from calibration.mime.attach import named_thresholds
from calibration.mime.task import installed
from calibration.mime.task_bank import TaskBank

Result = TypeVar("Result")


def measure_in_turn(
    bank: TaskBank, batches: Mapping[str, Iterable[Any]], measure: Callable[[nn.Module, list[Any]], Result]
) -> dict[str, list[Result]]:
    """Return what `measure(model, batches of the task)` gives, task by task, under "thresholds" and "relu".

    Raises
    ------
    ValueError
        If fewer than two tasks take turns, or one is unknown. The active task stays active.
    """
    if len(batches) < 2:
        raise ValueError(f"`batches` must name at least two tasks that take turns. Got {list(batches)}.")
    relu = {name: torch.zeros_like(site.threshold) for name, site in named_thresholds(bank.model)}
    results: dict[str, list[Result]] = {"thresholds": [], "relu": []}
    active = bank.active
    try:
        for task, data in batches.items():
            bank.switch(task)
            items = list(data)
            for kind, values in (("thresholds", {}), ("relu", relu)):
                with installed(bank.model, values):
                    results[kind].append(measure(bank.model, items))
    finally:
        bank.switch(active)
    return results
