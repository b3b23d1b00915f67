"""The recovery ladder: what each remedy wins back, and what it costs."""

import copy
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from calibration.remedies import LADDER, REMEDIES, Remedy, apply_remedies
from crossbar.adapters import Adapters
from crossbar.array import AbstractCorrection
from crossbar.classification import classification_accuracy
from crossbar.config import CrossbarConfig
from crossbar.conversion import Overrides, convert_to_analog
from crossbar.lifecycle import drift_analog_weights, program_analog_weights
from crossbar.progress import progress_over
from crossbar.provenance import provenance
from crossbar.serialization import config_to_json
from crossbar.twins import digital_twin
from devices.arguments import checked
from devices.validation import check_integer

_REFUSALS = (ValueError, TypeError, RuntimeError, ArithmeticError)
"""What remedies raise where they cannot work: told in the results, so that one does not end the ladder."""
Metric = Callable[[nn.Module, Iterable[Any]], float]
_VARIABLES = {
    "accuracy": ("accuracy", "1"),
    "seconds": ("time of the calibration", "s"),
    "batches": ("training batches seen", "1"),
    "parameters": ("stored numbers that changed or were added", "1"),
}


@checked
def recovery_ladder(
    model: nn.Module,
    config: CrossbarConfig,
    train_batches: Iterable[Any],
    test_batches: Iterable[Any],
    *,
    chips: int = 5,
    overrides: Overrides | None = None,
    adapters: Adapters | None = None,
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
    config, overrides, adapters
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
        Sequences of remedies, each applied to the uncalibrated chip; () is none. Those that do not apply to the model
        are left out.
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
        `accuracy_digital`. The attribute `skipped` (JSON) says by sequence why it was left out, or why it has NaN where
        a remedy refused a chip.

    Raises
    ------
    ValueError
        If the ladder names an unknown remedy, or leaves none for this model.
    """
    check_integer("chips", chips, at_least=1)
    measure = metric or classification_accuracy
    reference = digital_twin(model, adapters=adapters)
    rungs, skipped = _rungs(convert_to_analog(model, config, overrides=overrides, adapters=adapters), ladder, remedies)
    figures = {name: np.full((len(rungs), chips), np.nan) for name in _VARIABLES}
    for chip in progress_over(range(chips), show=progress, description="chips", unit="chip"):
        fresh = convert_to_analog(model, config, overrides=overrides, adapters=adapters).eval()
        program_analog_weights(fresh, generator=torch.Generator().manual_seed(seed + chip))
        drift_analog_weights(fresh, t)
        for index, rung in enumerate(rungs):
            try:
                analog, costs = _climbed(fresh, reference, [remedies[name] for name in rung], train_batches)
            except _REFUSALS as error:
                skipped.setdefault(_title(rung), f"Chip {chip}: {error}")
                continue
            for name, value in costs.items():
                figures[name][index, chip] = value
            figures["accuracy"][index, chip] = measure(analog, test_batches)
    digital = measure(copy.deepcopy(model).eval(), test_batches)
    attributes = {"config": config_to_json(config), "seed": seed, "time": t, "skipped": json.dumps(skipped)}
    return _dataset(rungs, figures, digital, attributes)


def _climbed(
    fresh: nn.Module, model: nn.Module, remedies: list[Remedy], batches: Iterable[Any]
) -> tuple[nn.Module, dict[str, float]]:
    """Return a copy of a programmed chip after some remedies, in eval mode, and what they cost."""
    analog, counted = copy.deepcopy(fresh), _Counted(batches)
    start = time.perf_counter()
    analog = apply_remedies(remedies, analog, model, counted)
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


def _rungs(
    analog: nn.Module, ladder: Sequence[Sequence[str]], remedies: Mapping[str, Remedy]
) -> tuple[list[tuple[str, ...]], dict[str, str]]:
    """Return the sequences that a model can have, and why not the others."""
    unknown = sorted({name for rung in ladder for name in rung if name not in remedies})
    if unknown:
        raise ValueError(f"`ladder` names unknown remedies {unknown}. Known: {', '.join(remedies)}.")
    reasons = {
        name: remedies[name].reason_against(analog) for name in dict.fromkeys(n for rung in ladder for n in rung)
    }
    rungs, skipped = [], {}
    for rung in ladder:
        against = next((reasons[name] for name in rung if reasons[name] is not None), None)
        if against is None:
            rungs.append(tuple(rung))
        else:
            skipped[_title(rung)] = against
    if not rungs:
        told = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
        raise ValueError(f"`ladder` leaves no remedy for this model. Add one, e.g. ('output affine',). {told}")
    return rungs, skipped


def _title(rung: Sequence[str]) -> str:
    """Return the name of a sequence in the results."""
    return ", then ".join(rung) or "none"


def _dataset(
    rungs: list[tuple[str, ...]], figures: Mapping[str, np.ndarray], digital: float, attributes: Mapping[str, Any]
) -> xr.Dataset:
    variables: dict[str, Any] = {
        name: (("remedy", "chip"), values, {"long_name": _VARIABLES[name][0], "units": _VARIABLES[name][1]})
        for name, values in figures.items()
    }
    variables["accuracy_digital"] = ((), digital, {"long_name": "digital accuracy", "units": "1"})
    chips = figures["accuracy"].shape[1]
    return xr.Dataset(
        variables,
        coords={
            "remedy": [_title(rung) for rung in rungs],
            "chip": ("chip", np.arange(chips), {"long_name": "chip", "units": "1"}),
        },
        attrs={**attributes, **provenance()},
    )
