"""What calibrations do alike in every process of a torch.distributed group; without one, nothing."""

from collections.abc import Iterable
from typing import TypeVar, cast

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

_Value = TypeVar("_Value")


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside `DistributedDataParallel`, or the model itself.

    Calibrations reduce what they measure themselves, and change which parameters learn, which the wrapper does not
    follow.
    """
    return cast(nn.Module, model.module) if isinstance(model, DistributedDataParallel) else model


def rank() -> int:
    """Return the number of this process among them."""
    return distributed.get_rank() if _active() else 0


def processes() -> int:
    """Return the number of processes that calibrate together."""
    return distributed.get_world_size() if _active() else 1


def summed(tensor: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes."""
    if not _active():
        return tensor
    total = tensor.clone()
    distributed.all_reduce(total)
    return total


def averaged(tensor: Tensor) -> Tensor:
    """Return the mean of a tensor over all processes."""
    return summed(tensor) / processes() if _active() else tensor


def gathered(tensor: Tensor) -> Tensor:
    """Return the tensors of all processes, which may differ in length, joined along the first dimension."""
    return torch.cat(gathered_objects(tensor.cpu())).to(tensor.device) if _active() else tensor


def gathered_objects(value: _Value) -> list[_Value]:
    """Return the values of all processes, by rank."""
    if not _active():
        return [value]
    values: list[_Value | None] = [None] * processes()
    distributed.all_gather_object(values, value)
    return cast(list[_Value], values)


def share(tensors: Iterable[Tensor]) -> None:
    """Give every process the tensors of the first one, in place."""
    for tensor in tensors if _active() else ():
        distributed.broadcast(tensor.detach(), src=0)


def _active() -> bool:
    return distributed.is_available() and distributed.is_initialized()
