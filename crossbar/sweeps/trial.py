"""One trial at one point, with its randomness seeded."""

import functools
import math
import numbers
import threading
from collections.abc import Callable, Mapping
from typing import Any

import torch

from crossbar.sweeps.seeds import TrialSeeds

# Guards torch's default stream, which is one per process: trials on threads take turns.
TURN = threading.RLock()


def run_trial(
    point: Callable[..., Mapping[str, float]],
    parameters: Mapping[str, Any],
    seeds: TrialSeeds,
    outputs: tuple[str, ...],
) -> tuple[float, ...]:
    """Call `point` with seeded streams and return its outputs in order; the caller's default stream is untouched.

    Raises
    ------
    TypeError, ValueError
        If the point does not return one number for each of `outputs` and no others.
    """
    # A process that has not used CUDA has no CUDA stream to protect, and asking for it would start CUDA.
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with TURN, torch.random.fork_rng(devices=devices):
        _seed_default_streams(seeds.default_stream)
        returned = point(dict(parameters), generator=torch.Generator().manual_seed(seeds.generator))
    if not isinstance(returned, Mapping):
        raise TypeError(f"The point must return a dictionary of {', '.join(outputs)}. Got {type(returned).__name__}.")
    if set(returned) != set(outputs):
        raise ValueError(f"The point must return {', '.join(outputs)}. Got {', '.join(map(str, returned)) or 'none'}.")
    return tuple(_number(name, returned[name]) for name in outputs)


def _seed_default_streams(seed: int) -> None:
    """Seed torch's default streams, without what `torch.manual_seed` keeps for devices that are not there.

    Each of its calls stores a traceback for the case that CUDA starts later: 0.5 ms and a little memory, never freed.
    """
    if _has_accelerator():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


@functools.cache
def _has_accelerator() -> bool:
    return torch.accelerator.is_available()


def _number(name: str, value: object) -> float:
    """Return `value` as a float with one bit pattern for NaN, so that checksums of equal results are equal."""
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        value = value.item()
    if not isinstance(value, numbers.Real):
        raise TypeError(f"The point must return a number as `{name}`. Got {value!r}.")
    number = float(value)
    return math.nan if math.isnan(number) else number
