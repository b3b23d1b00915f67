"""A batch whose samples belong to different tasks, read in one pass."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from calibration.mime.task import Task, installed


def read_mixed(model: nn.Module, x: Tensor, tasks: Sequence[Task], *, parent: Task) -> list[Tensor]:
    """Run a model on samples of several tasks at once: the crossbars are read once for all.

    Parameters
    ----------
    model
        A model with thresholds, in eval mode.
    x
        Inputs, (batch, ...).
    tasks
        The task of each sample.
    parent
        The task whose batch norms serve those that have none.

    Returns
    -------
    list of Tensor
        The output of each sample.

    Raises
    ------
    ValueError
        If a batch norm is in train mode, which would mix the statistics of tasks.
    """
    if any(norm.training for norm in model.modules() if isinstance(norm, _BatchNorm)):
        raise ValueError("A mixed batch needs batch norms in eval mode. Call `model.eval()`.")
    if not len(x):
        return []
    different = list({id(task): task for task in tasks}.values())
    position = {id(task): index for index, task in enumerate(different)}
    index = torch.tensor([position[id(task)] for task in tasks], device=x.device)
    values: dict[str, Any] = {
        name: torch.stack([task.thresholds[name].detach() for task in different])[index] for name in parent.thresholds
    }
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(installed(model, values | {"head": nn.Identity()}))
        for name, norm in model.named_modules():
            if isinstance(norm, _BatchNorm) and any(_is_own(task, name) for task in different):
                batchnorms = [{**parent.batchnorm, **task.batchnorm} for task in different]
                hook = _per_sample_norm(*_scale_and_shift(name, norm, batchnorms), index)
                stack.callback(norm.register_forward_hook(hook).remove)
        features = model(x)
        return _outputs(features, different, index)


def _outputs(features: Tensor, different: list[Task], index: Tensor) -> list[Tensor]:
    """Apply each task's head to its samples and put the outputs in the order of the samples."""
    outputs: list[Tensor] = [features.new_empty(0)] * len(features)
    for number, task in enumerate(different):
        samples = torch.nonzero(index == number).flatten()
        for sample, output in zip(samples.tolist(), task.head(features[samples]), strict=True):
            outputs[sample] = output
    return outputs


def _is_own(task: Task, norm: str) -> bool:
    return any(name.rpartition(".")[0] == norm for name in task.batchnorm)


def _scale_and_shift(name: str, norm: _BatchNorm, batchnorms: Sequence[Mapping[str, Tensor]]) -> tuple[Tensor, Tensor]:
    """Return batch norm in eval mode as one factor and one summand per task and channel, (tasks, channels)."""
    scales, shifts = [], []
    for tensors in batchnorms:
        mean, variance = tensors[f"{name}.running_mean"], tensors[f"{name}.running_var"]
        scale = torch.rsqrt(variance + norm.eps) * tensors.get(f"{name}.weight", torch.ones_like(mean))
        scales.append(scale)
        shifts.append(tensors.get(f"{name}.bias", torch.zeros_like(mean)) - mean * scale)
    return torch.stack(scales), torch.stack(shifts)


def _per_sample_norm(scales: Tensor, shifts: Tensor, index: Tensor) -> Callable[..., Tensor]:
    """Return a forward hook that normalises each sample by its own task."""

    def hook(module: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Swap the tensors of a module for those of each sample's task."""
        x = arguments[0]
        view = (len(index), -1, *(1,) * (x.ndim - 2))
        return torch.addcmul(shifts[index].view(view), x, scales[index].view(view))

    return hook
