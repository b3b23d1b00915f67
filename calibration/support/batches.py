"""What calibrations accept as data, and how they run a model over it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

_INPUT_KEYS = ("x", "input", "inputs", "image", "images")
_TARGET_KEYS = ("y", "label", "labels", "target", "targets")


def model_input(batch: Any) -> Any:
    """Return the model's input of a batch: the batch itself, its first item, or its `x`, `input`, `inputs` or `image`.

    Raises
    ------
    TypeError
        If the batch is none of tensor, tuple, list, and mapping with one of those keys.
    """
    if isinstance(batch, Tensor):
        return batch
    if isinstance(batch, Mapping):
        for key in _INPUT_KEYS:
            if key in batch:
                return batch[key]
        raise TypeError(f"A batch that is a mapping needs one of the keys {', '.join(_INPUT_KEYS)}. Got {list(batch)}.")
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


def run_batches(
    model: nn.Module, batches: Iterable[Any], *, progress: bool = False, description: str = "calibration"
) -> int:
    """Run the model over the inputs of `batches` without gradients and return how many there were.

    Raises
    ------
    ValueError
        If there were none.
    """
    device, count = model_device(model), 0
    with torch.no_grad():
        for batch in with_progress(batches, progress=progress, description=description):
            model(model_input(batch).to(device))
            count += 1
    require_batches(count)
    return count


def require_batches(count: int) -> None:
    """Raise unless at least one batch was seen."""
    if not count:
        raise ValueError(
            "`batches` must hold at least one batch. Got none; a generator can be used only once, a list or a "
            "DataLoader as often as needed."
        )


def model_device(model: nn.Module) -> Any:
    """Return the device of the model's first parameter or buffer."""
    return next((tensor.device for tensor in (*model.parameters(), *model.buffers())), None)


@contextmanager
def training_modes_kept(model: nn.Module) -> Iterator[None]:
    """Restore the training flag of every module on exit."""
    flags = {module: module.training for module in model.modules()}
    try:
        yield
    finally:
        for module, flag in flags.items():
            module.training = flag


def with_progress(batches: Iterable[Any], *, progress: bool, description: str) -> Iterable[Any]:
    """Return the batches, behind a progress bar where one is asked for.

    Raises
    ------
    ImportError
        If a progress bar is asked for and tqdm is not installed.
    """
    if not progress:
        return batches
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError('progress=True needs tqdm: pip install "aimc-crossbar[demo]".') from error
    return tqdm(batches, desc=description, leave=False)
