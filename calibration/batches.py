"""What calibrations accept as data, and how they run a model over it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


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
        for key in ("x", "input", "inputs", "image", "images"):
            if key in batch:
                return batch[key]
        raise TypeError(f"A batch that is a mapping needs a key `x`, `input`, `inputs` or `image`. Got {list(batch)}.")
    if isinstance(batch, Sequence) and len(batch):
        return batch[0]
    raise TypeError(f"A batch must be a tensor, a tuple (input, ...) or a mapping. Got {type(batch).__name__}.")


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
