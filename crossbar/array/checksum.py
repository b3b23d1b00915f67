"""A checksum over the state of programmed arrays, so that a damaged checkpoint is noticed before it is read."""

import zlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn


def state_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return every tensor that the state_dict of a module holds, by name."""
    found: dict[str, Tensor] = {}
    for path, child in module.named_modules():
        start = f"{path}." if path else ""
        for name, tensor in (*child._buffers.items(), *child._parameters.items()):
            if tensor is not None and name not in child._non_persistent_buffers_set:
                found[start + name] = tensor
    return found


def checksum(tensors: Mapping[str, Tensor], text: str) -> int | None:
    """Return the CRC-32 of names, types, shapes and bytes of tensors and of a text; None where there are no bytes."""
    value = zlib.crc32(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach()
        if tensor.is_meta:
            return None
        value = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), value)
        value = zlib.crc32(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data, value)
    return value


def check_checksum(stored: int | None, tensors: Mapping[str, Tensor], text: str, *, name: str) -> None:
    """Raise unless a checkpoint still has the checksum that it was saved with.

    Parameters
    ----------
    stored
        The checksum, None for a checkpoint of version 0.1.
    tensors, text
        As for `checksum`.
    name
        Layer to name in the error.

    Raises
    ------
    RuntimeError
        If it has not.
    """
    if stored is None or checksum(tensors, text) in (stored, None):
        return
    raise RuntimeError(
        f"The checkpoint's arrays of `{name}` are not those that were saved: their checksum differs. The file is damaged, "
        "or tensors were changed after saving. Take another copy, or save the model again."
    )
