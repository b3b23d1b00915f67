"""Copies of models that have just been trained."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

_Module = TypeVar("_Module", bound=nn.Module)


def copied(model: _Module) -> _Module:
    """Return a deep copy; states with a history, as of neurons after a training step, are copied without it."""
    memo = {id(tensor): tensor.detach().clone() for module in model.modules() for tensor in _with_history(vars(module))}
    return copy.deepcopy(model, memo)


def _with_history(values: Mapping[str, Any]) -> Iterator[Tensor]:
    """Yield the tensors among values, and in mappings among them, that cannot be copied otherwise."""
    for value in values.values():
        if isinstance(value, Tensor) and not value.is_leaf:
            yield value
        elif isinstance(value, dict):
            yield from (item for item in value.values() if isinstance(item, Tensor) and not item.is_leaf)
