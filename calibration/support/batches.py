"""How calibrations run a model over data."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from crossbar.batches import call_model, model_device, require_finite_input
from crossbar.progress import progress_over


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
        for batch in checked_batches(batches, progress=progress, description=description):
            call_model(model, batch, device)
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


@contextmanager
def training_modes_kept(model: nn.Module) -> Iterator[None]:
    """Restore the training flag of every module on exit."""
    flags = {module: module.training for module in model.modules()}
    try:
        yield
    finally:
        for module, flag in flags.items():
            module.training = flag


def checked_batches(batches: Iterable[Any], *, progress: bool, description: str) -> Iterable[Any]:
    """Yield the batches, checked to be finite, behind a progress bar where one is asked for.

    Raises
    ------
    ImportError
        If a progress bar is asked for and tqdm is not installed.
    ValueError
        If the input of a batch holds NaN or infinity.
    """
    for batch in progress_over(batches, show=progress, description=description):
        require_finite_input(batch)
        yield batch
