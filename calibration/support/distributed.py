"""What calibrations do alike in every process of a torch.distributed group; without one, nothing."""

from typing import cast

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside `DistributedDataParallel`, or the model itself.

    Calibrations reduce what they measure themselves, and change which parameters learn, which the wrapper does not
    follow.
    """
    return cast(nn.Module, model.module) if isinstance(model, DistributedDataParallel) else model


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
    if not _active():
        return tensor
    parts: list[Tensor | None] = [None] * processes()
    distributed.all_gather_object(parts, tensor.cpu())
    return torch.cat([part for part in parts if part is not None]).to(tensor.device)


def _active() -> bool:
    return distributed.is_available() and distributed.is_initialized()
