"""The recovery ladder: what each remedy wins back, and what it costs."""

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from calibration.remedies import LADDER, REMEDIES, Remedy
from crossbar.array import AbstractCorrection
from crossbar.classification import classification_accuracy
from crossbar.config import CrossbarConfig
from crossbar.conversion import Overrides, convert_to_analog
from crossbar.lifecycle import drift_analog_weights, program_analog_weights
from crossbar.progress import progress_over
from crossbar.provenance import provenance
from crossbar.serialization import config_to_json
from devices.validation import check_integer

Metric = Callable[[nn.Module, Iterable[Any]], float]
_VARIABLES = {
    "accuracy": ("accuracy", "1"),
    "seconds": ("time of the calibration", "s"),
    "batches": ("training batches seen", "1"),
    "parameters": ("stored numbers that changed or were added", "1"),
}


def recovery_ladder(
    model: nn.Module,
    config: CrossbarConfig,
    train_batches: Iterable[Any],
    test_batches: Iterable[Any],
    *,
    chips: int = 5,
    overrides: Overrides | None = None,
    t: float = 0.0,
    ladder: Sequence[Sequence[str]] = LADDER,
    remedies: Mapping[str, Remedy] = REMEDIES,
    metric: Metric | None = None,
    seed: int = 0,
    progress: bool = False,
) -> xr.Dataset:
    """Measure accuracy and cost of every sequence of remedies on several chips.

    Parameters
    ----------
    model
        Trained digital model.
    config, overrides
        Technology, as for `convert_to_analog`.
    train_batches
        Labelled batches for the remedies; one that can be iterated often.
    test_batches
        Labelled batches for the metric; likewise.
    chips
        Chips programmed, of seeds `seed`, `seed + 1`, ...
    t
        Time since programming [s].
    ladder
        Sequences of remedies, each applied to the uncalibrated chip; () is none. Those that need batch norm are left
        out for models without.
    remedies
        Remedies by name.
    metric
        Of (model in eval mode, test batches). Default: share of correct classes.
    seed
        Seed of the first chip.
    progress
        Show a progress bar (needs tqdm).

    Returns
    -------
    xr.Dataset
        `accuracy`, `seconds`, `batches` and `parameters` (stored numbers that changed) over (remedy, chip), and
        `accuracy_digital`.

    Raises
    ------
    ValueError
        If the ladder names an unknown remedy, or leaves none for this model.
    """
    check_integer("chips", chips, at_least=1)
    measure = metric or classification_accuracy
    rungs = _rungs(model, ladder, remedies)
    figures = {name: np.zeros((len(rungs), chips)) for name in _VARIABLES}
    for chip in progress_over(range(chips), show=progress, description="chips", unit="chip"):
        fresh = convert_to_analog(model, config, overrides=overrides).eval()
        program_analog_weights(fresh, generator=torch.Generator().manual_seed(seed + chip))
        drift_analog_weights(fresh, t)
        for index, rung in enumerate(rungs):
            analog, costs = _climbed(fresh, model, [remedies[name] for name in rung], train_batches)
            for name, value in costs.items():
                figures[name][index, chip] = value
            figures["accuracy"][index, chip] = measure(analog, test_batches)
    digital = measure(copy.deepcopy(model).eval(), test_batches)
    return _dataset(rungs, figures, digital, config, seed, t)


def _climbed(
    fresh: nn.Module, model: nn.Module, remedies: list[Remedy], batches: Iterable[Any]
) -> tuple[nn.Module, dict[str, float]]:
    """Return a copy of a programmed chip after some remedies, in eval mode, and what they cost."""
    analog, counted = copy.deepcopy(fresh), _Counted(batches)
    start = time.perf_counter()
    for remedy in remedies:
        replaced = remedy.apply(analog, model, counted)
        analog = replaced if isinstance(replaced, nn.Module) else analog
    seconds = time.perf_counter() - start
    costs = {"seconds": seconds, "batches": counted.count, "parameters": numbers_moved(fresh, analog)}
    return analog.eval(), costs


def numbers_moved(before: nn.Module, after: nn.Module) -> int:
    """Return how many calibrated numbers of a model changed or were added: parameters, statistics, corrections."""
    old = dict(_calibrated(before))
    moved = 0
    for name, tensor in _calibrated(after):
        earlier = old.get(name)
        moved += tensor.numel() if earlier is None else int((tensor != earlier).sum())
    return moved


def _calibrated(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield what calibrations may move."""
    yield from model.named_parameters()
    for name, module in model.named_modules():
        for key, buffer in module.named_buffers(recurse=False):
            if isinstance(module, AbstractCorrection) or (
                isinstance(module, _BatchNorm) and buffer.is_floating_point()
            ):
                yield f"{name}.{key}", buffer


class _Counted:
    """Batches that count how many were taken."""

    def __init__(self, batches: Iterable[Any]) -> None:
        self.batches = batches
        self.count = 0

    def __iter__(self) -> Iterator[Any]:
        for batch in self.batches:
            self.count += 1
            yield batch


def _rungs(model: nn.Module, ladder: Sequence[Sequence[str]], remedies: Mapping[str, Remedy]) -> list[tuple[str, ...]]:
    """Return the sequences that this model can have."""
    unknown = sorted({name for rung in ladder for name in rung if name not in remedies})
    if unknown:
        raise ValueError(f"`ladder` names unknown remedies {unknown}. Known: {', '.join(remedies)}.")
    has_norm = any(isinstance(m, _BatchNorm) and m.running_mean is not None for m in model.modules())
    has_relu = any(isinstance(module, nn.ReLU) for module in model.modules())

    def possible(remedy: Remedy) -> bool:
        """Return whether the model has what a remedy needs."""
        return (has_norm or not remedy.needs_batchnorm) and (has_relu or not remedy.needs_relu)

    rungs = [tuple(rung) for rung in ladder if all(possible(remedies[name]) for name in rung)]
    if not rungs:
        raise ValueError(
            "`ladder` leaves no remedy for a model without batch norm or ReLU. Add one, e.g. ('output affine',)."
        )
    return rungs


def _dataset(
    rungs: list[tuple[str, ...]],
    figures: Mapping[str, np.ndarray],
    digital: float,
    config: CrossbarConfig,
    seed: int,
    t: float,
) -> xr.Dataset:
    names = [", then ".join(rung) or "none" for rung in rungs]
    variables: dict[str, Any] = {
        name: (("remedy", "chip"), values, {"long_name": _VARIABLES[name][0], "units": _VARIABLES[name][1]})
        for name, values in figures.items()
    }
    variables["accuracy_digital"] = ((), digital, {"long_name": "digital accuracy", "units": "1"})
    chips = figures["accuracy"].shape[1]
    return xr.Dataset(
        variables,
        coords={"remedy": names, "chip": ("chip", np.arange(chips), {"long_name": "chip", "units": "1"})},
        attrs={"config": config_to_json(config), "seed": seed, "time": t, **provenance()},
    )
