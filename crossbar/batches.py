"""What the packages accept as data, and how they run a model over it."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

_INPUT_KEYS = ("x", "input", "inputs", "image", "images")
_TARGET_KEYS = ("y", "label", "labels", "target", "targets")


def model_input(batch: Any) -> Any:
    """Return the model's input of a batch.

    It is the batch itself, its first item, its `x`, `input`, `inputs`, `image` or `images`, or, in a mapping without
    those, all but the target: the keyword arguments of the model's `forward`, such as `input_ids` and `attention_mask`.

    Raises
    ------
    TypeError
        If the batch is none of tensor, tuple, list, and mapping that holds a tensor.
    """
    if isinstance(batch, Tensor):
        return batch
    if isinstance(batch, Mapping):
        for key in _INPUT_KEYS:
            if key in batch:
                return batch[key]
        arguments = {name: value for name, value in batch.items() if name not in _TARGET_KEYS}
        if any(isinstance(value, Tensor) for value in arguments.values()):
            return arguments
        raise TypeError(
            f"A batch that is a mapping needs one of the keys {', '.join(_INPUT_KEYS)}, or the tensors that the "
            f"model's forward takes, by name. Got {list(batch)}."
        )
    if isinstance(batch, Sequence) and len(batch):
        return batch[0]
    raise TypeError(f"A batch must be a tensor, a tuple (input, ...) or a mapping. Got {type(batch).__name__}.")


def model_target(batch: Any) -> Any:
    """Return the target of a batch: its second item, or its `y`, `label`, `labels`, `target` or `targets`.

    Raises
    ------
    TypeError
        If the batch has none.
    """
    if isinstance(batch, Mapping):
        for key in _TARGET_KEYS:
            if key in batch:
                return batch[key]
        raise TypeError(f"A labelled mapping needs one of the keys {', '.join(_TARGET_KEYS)}. Got {list(batch)}.")
    if isinstance(batch, Sequence) and len(batch) > 1:
        return batch[1]
    raise TypeError(f"A labelled batch must be a tuple (input, target) or a mapping. Got {type(batch).__name__}.")


def call_model(model: nn.Module, batch: Any, device: torch.device | None = None) -> Any:
    """Return what the model gives for the input of a batch; `device` is the model's if not given."""
    x = moved(model_input(batch), model_device(model) if device is None else device)
    return model(**x) if isinstance(x, Mapping) else model(x)


def model_logits(output: Any) -> Any:
    """Return the tensor that losses and metrics look at: an output itself, its `logits`, or its first item."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping) and "logits" in output:
        return output["logits"]
    if hasattr(output, "logits"):
        return output.logits
    return output[0] if isinstance(output, Sequence) and len(output) else output


def batch_size(batch: Any) -> int:
    """Return the number of samples of a batch: the length of its first tensor."""
    x = model_input(batch)
    tensors = [x] if isinstance(x, Tensor) else [value for value in x.values() if isinstance(value, Tensor)]
    return len(tensors[0])


def require_finite_input(batch: Any) -> None:
    """Refuse a batch whose input holds NaN or infinity; masks may hold infinity.

    Raises
    ------
    ValueError
        If it does.
    """
    bad = non_finite_input(batch)
    if bad:
        raise ValueError(
            f"`batches` must hold finite inputs. Got {bad} that are NaN or infinite in one batch. Leave such samples out, "
            "or look for what made them."
        )


def non_finite_input(batch: Any) -> int:
    """Return how many numbers of a batch's input are NaN or infinite."""
    x = model_input(batch)
    tensors = dict(x) if isinstance(x, Mapping) else {"x": x}
    return sum(_non_finite(tensor, mask="mask" in name) for name, tensor in tensors.items())


def _non_finite(tensor: Any, *, mask: bool) -> int:
    if not (isinstance(tensor, Tensor) and (tensor.is_floating_point() or tensor.is_complex())):
        return 0
    bad = tensor.isnan() if mask else ~tensor.isfinite()
    return int(bad.sum())


def model_device(model: nn.Module) -> Any:
    """Return the device of the model's first parameter or buffer."""
    return next((tensor.device for tensor in (*model.parameters(), *model.buffers())), None)


def moved(value: Any, device: torch.device | None) -> Any:
    """Return a tensor, or the tensors of a mapping, on a device."""
    if isinstance(value, Mapping):
        return {name: moved(item, device) for name, item in value.items()}
    return value.to(device) if isinstance(value, Tensor) else value
