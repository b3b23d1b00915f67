"""What moved in a model: comparisons of whole states."""

import torch
from torch import Tensor, nn


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """Return a copy of every parameter and buffer, saved or not."""
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor.detach().clone() for name, tensor in named}


def moved(model: nn.Module, before: dict[str, Tensor]) -> set[str]:
    """Return the names of tensors that are not bit-identical, appeared, or went."""
    after = snapshot(model)
    same = {name for name in before.keys() & after.keys() if torch.equal(before[name], after[name])}
    return (before.keys() | after.keys()) - same


def batchnorm_names(model: nn.Module, *keys: str) -> set[str]:
    """Return the names of these tensors of every batch norm."""
    return {
        f"{n}.{key}" for n, m in model.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) for key in keys
    }
