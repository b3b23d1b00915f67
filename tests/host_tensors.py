"""A device for tests where there is none but the CPU: within `made_on_the_host`, every other tensor stands for one on it.

Tensors made without `device=` lie on the host. Whoever joins one of them with a tensor of the device, as torch allows only
for single numbers, gets an error here as there.
"""

from contextlib import contextmanager

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

_MAKERS = {
    getattr(torch, name)
    for name in (
        *("zeros", "ones", "empty", "full", "arange", "linspace", "logspace", "eye", "rand", "randn", "randint"),
        *("randperm", "tensor", "scalar_tensor", "from_numpy", "tril_indices", "triu_indices"),
    )
}
_LOOKING = {"__get__", "__len__", "size", "dim", "numel", "tolist", "item", "numpy", "__repr__", "__format__"}


class HostTensor(Tensor):
    """A tensor that was made on the host."""

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), keywords=None):
        """Do what was asked unless it joins tensors of host and device."""
        keywords = keywords or {}
        name = getattr(function, "__name__", "")
        with torch._C.DisableTorchFunctionSubclass():
            tensors = [leaf for leaf in tree_leaves((arguments, keywords)) if isinstance(leaf, Tensor)]
            host = [isinstance(tensor, HostTensor) for tensor in tensors if tensor.ndim]
            moved = name in ("copy_", "type_as") or (name == "to" and _names_a_device(arguments[1:], keywords))
            if any(host) and not all(host) and not moved and name not in _LOOKING:
                raise AssertionError(f"`{name}` joins a tensor of the host with one of the device.")
            result = function(*arguments, **keywords)
        stays = not moved and (not host or all(host))
        return tree_map(lambda leaf: _marked(leaf, host=stays), result)


def _names_a_device(arguments, keywords):
    return "device" in keywords or any(isinstance(one, torch.device | str | Tensor) for one in arguments)


def _marked(value, *, host):
    if not isinstance(value, Tensor) or isinstance(value, torch.nn.Parameter):
        return value
    with torch._C.DisableTorchFunctionSubclass():
        return value.as_subclass(HostTensor if host else Tensor)


class _MarkMade(TorchFunctionMode):
    def __torch_function__(self, function, types, arguments=(), keywords=None):
        """Mark what is made without a device, and what is brought to the host."""
        result = function(*arguments, **(keywords or {}))
        unplaced = function in _MAKERS and (keywords or {}).get("device") is None
        return _marked(result, host=True) if unplaced or function is Tensor.cpu else result


@contextmanager
def made_on_the_host():
    """Mark tensors that are made within, and refuse to join them with others."""
    with _MarkMade():
        yield
