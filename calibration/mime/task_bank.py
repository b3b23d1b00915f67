"""Many tasks on one model: switched by swapping a few tensors, crossbars untouched."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, fx

from calibration.mime.mixed_batch import read_mixed
from calibration.mime.storage import load_tasks, save_tasks
from calibration.mime.task import Task, check_task, copy_task, read_task, task_slots, task_values
from crossbar.batches import model_device
from devices.arguments import checked


class TaskBank:
    """Named tasks on one model with thresholds.

    The bank holds its own copy of every task that is added. The active one shares its tensors with the model: what a
    calibration of the model changes then becomes part of that task.

    Parameters
    ----------
    model
        A model from `attach_thresholds`, digital or programmed.
    parent
        Name of the task that the model solves now.
    """

    def __init__(self, model: fx.GraphModule, *, parent: str = "parent") -> None:
        """Take over the present task of `model` as the first one."""
        self.model = model
        self._parent = parent
        self._active = parent
        self._tasks: dict[str, Task] = {_checked_name(parent): read_task(model)}
        self._slots = task_slots(model)
        self._plans: dict[str, list[tuple[dict[str, Any], str, Any]]] = {}
        self._plan(parent)

    @property
    def tasks(self) -> dict[str, Task]:
        """The tasks by name, the parent first."""
        return dict(self._tasks)

    @property
    def parent(self) -> str:
        """Name of the task that the model came with."""
        return self._parent

    @property
    def active(self) -> str:
        """Name of the task that the model solves now."""
        return self._active

    @checked
    def add(self, name: str, task: Task) -> None:
        """Add a copy of a task.

        Raises
        ------
        ValueError
            If the name is taken, or the task was made for another parent or other thresholds.
        """
        if name in self._tasks:
            raise ValueError(f"The bank has a task {name!r} already. Remove it first, or choose another name.")
        _checked_name(name)
        check_task(self.model, task)
        device = model_device(self.model)
        self._tasks[name] = copy_task(task, device)
        self._plan(name)

    def remove(self, name: str) -> None:
        """Remove a task.

        Raises
        ------
        ValueError
            If it is the parent or active.
        """
        self._require(name)
        if name in (self._parent, self._active):
            raise ValueError(f"The task {name!r} is the parent or active. Switch to another task before removing it.")
        del self._tasks[name], self._plans[name]

    def switch(self, name: str) -> None:
        """Let the model solve a task: swap its thresholds, head and batch-norm tensors. No crossbar is touched."""
        self._require(name)
        for holder, key, value in self._plans[name]:
            holder[key] = value
        self._active = name

    def __call__(self, x: Tensor, tasks: Sequence[str]) -> list[Tensor]:
        """Read a mixed batch, each sample with a task of its own (the paper's pipelined mode).

        Parameters
        ----------
        x
            Inputs, (batch, ...).
        tasks
            Name of the task of each sample.

        Returns
        -------
        list of Tensor
            The output of each sample, as long as its task has outputs.

        Raises
        ------
        ValueError
            If a task is unknown, there is not one per sample, or a batch norm is in train mode.
        """
        if len(tasks) != len(x):
            raise ValueError(f"`tasks` must name one task per sample. Got {len(tasks)} for {len(x)} samples.")
        for name in set(tasks):
            self._require(name)
        try:
            return read_mixed(self.model, x, [self._tasks[name] for name in tasks], parent=self._tasks[self._parent])
        finally:
            self.switch(self._active)

    @checked
    def save(self, path: str | Path) -> None:
        """Store every task but the parent in a safetensors file, replaced as a whole or not at all.

        Raises
        ------
        TypeError
            If a head is not an `nn.Linear`.
        ImportError
            If safetensors is not installed.
        """
        save_tasks(Path(path), {name: task for name, task in self._tasks.items() if name != self._parent})

    @checked
    def load(self, path: str | Path) -> None:
        """Add the tasks of a file, all of them or, where one is refused, none.

        Raises
        ------
        ValueError
            If a name is taken, or the tasks were made for another parent or other thresholds.
        """
        loaded = load_tasks(Path(path))
        for name, task in loaded.items():
            if name in self._tasks:
                raise ValueError(f"{path} holds a task {name!r}, and so does the bank. Remove it first.")
            check_task(self.model, task)
        for name, task in loaded.items():
            self.add(name, task)

    def _plan(self, name: str) -> None:
        """Precompute what a switch to a task writes where; what is not the task's own is the parent's."""
        values = task_values(self._tasks[self._parent]) | task_values(self._tasks[name])
        self._plans[name] = [(*self._slots[slot], value) for slot, value in values.items()]

    def _require(self, name: str) -> None:
        if name not in self._tasks:
            raise ValueError(f"The bank has no task {name!r}. Tasks: {', '.join(self._tasks)}.")


def _checked_name(name: str) -> str:
    if not name or "/" in name:
        raise ValueError(f"A task's name must not be empty or contain '/'. Got {name!r}.")
    return name
