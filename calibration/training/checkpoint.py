"""A training run on disk, written so that a kill at any moment leaves the old state or the new one."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from crossbar.atomic_file import write_atomically


def save_checkpoint(path: Path, state: Mapping[str, Any], *, settings: str) -> None:
    """Store the state of a run, with the settings it belongs to."""
    write_atomically(path, lambda partial: torch.save({"settings": settings, **state}, partial))


def load_checkpoint(path: Path, *, settings: str) -> dict[str, Any] | None:
    """Return the state of a run, or None where there is no file.

    Raises
    ------
    ValueError
        If the file cannot be read, or belongs to a run with other settings.
    """
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
        stored = state.pop("settings")
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} is not a checkpoint of a training run, or is damaged: {error}. Delete it.") from error
    if stored != settings:
        raise ValueError(
            f"{path} belongs to a run with other settings. Stored: {stored}. Asked for: {settings}. Delete the file or "
            "give another path."
        )
    return state


def random_state() -> list[Tensor]:
    """Return the states of torch's default generators: the processor's, then those of every CUDA device in use."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return [torch.get_rng_state(), *cuda]


def set_random_state(states: list[Tensor]) -> None:
    """Restore `random_state`."""
    torch.set_rng_state(states[0])
    if len(states) > 1:
        torch.cuda.set_rng_state_all(states[1:])
