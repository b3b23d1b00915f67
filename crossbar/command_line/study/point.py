"""One chip at one point of a study."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from calibration import apply_remedies
from crossbar.command_line.study.mistake import FieldError
from crossbar.command_line.study.sources import load_data, load_model
from crossbar.command_line.study.specification import Study, study_from_json
from crossbar.command_line.study.steps import parse_steps
from crossbar.config import CrossbarConfig
from crossbar.conversion import convert_to_analog
from crossbar.cost import ARCHITECTURES, cost_report, count_events
from crossbar.examples import Split, accuracy
from crossbar.lifecycle import drift_analog_weights, program_analog_weights

_BATCH = 250
_COUNTED = 20
_ALL = 2**62


class Loaded(NamedTuple):
    """What every point of a study needs."""

    study: Study
    model: nn.Module
    train: Split
    test: Split


def study_point(parameters: Mapping[str, Any], *, generator: torch.Generator, study: str) -> dict[str, float]:
    """Program one chip, calibrate it, and return its accuracy; `study` is the study as JSON."""
    # What loading draws must not shift the stream of the one trial of each worker that loads.
    with torch.random.fork_rng(devices=[]):
        loaded = load_study(study)
    asked = loaded.study
    batch = asked.data.get("batch", _BATCH)
    digital = dict.fromkeys(asked.model.get("digital", ()))
    analog = convert_to_analog(loaded.model, asked.crossbar(parameters), overrides=digital)
    program_analog_weights(analog, generator=generator)
    analog = _calibrated(analog, loaded, asked.calibration.get("after_programming", "none"), batch)
    drift_analog_weights(analog, float(parameters.get("time", asked.time)))
    steps = parameters.get("calibration", asked.calibration.get("at_time", "none"))
    analog = _calibrated(analog, loaded, steps, batch)
    return {"accuracy": accuracy(analog, loaded.test, batch=batch), **_costs(analog, loaded)}


@functools.lru_cache(maxsize=1)
def load_study(study: str) -> Loaded:
    """Return model and data of a study, loaded once per process.

    Raises
    ------
    FieldError
        If the model or the data cannot be loaded, or a layer named in `model.digital` is not there.
    """
    asked = study_from_json(study)
    checkpoint = asked.model.get("checkpoint")
    model = load_model(
        asked.model["name"],
        folder=_path(asked.model.get("folder")),
        checkpoint=_path(checkpoint),
    )
    digital = dict.fromkeys(asked.model.get("digital", ()))
    try:
        convert_to_analog(model, CrossbarConfig(), overrides=digital)
    except (TypeError, ValueError) as error:
        raise FieldError("model.digital", str(error)) from error
    data = asked.data
    train, test = load_data(
        data["name"], folder=_path(data.get("folder")), train=data.get("train", _ALL), test=data.get("test", _ALL)
    )
    return Loaded(asked, model, train, test)


def _calibrated(analog: nn.Module, loaded: Loaded, steps: str, batch: int) -> nn.Module:
    return apply_remedies(parse_steps(steps), analog, loaded.model, list(loaded.train.batches(batch)))


def _costs(analog: nn.Module, loaded: Loaded) -> dict[str, float]:
    """Return energy, latency and area where the study asks for them."""
    asked = loaded.study.cost
    if not asked:
        return {}
    chosen = replace(ARCHITECTURES[asked["architecture"]], skip_idle=asked.get("skip_idle", "none"))
    images = loaded.test.first(asked.get("images", _COUNTED))
    exact = chosen.array_energy == "exact"
    cost = cost_report(count_events(analog, images.batches(_COUNTED), array_energy=exact), chosen)
    names = {"energy": "energy_per_inference", "latency": "latency", "area": "total_area"}
    return {output: float(cost[name]) for output, name in names.items()}


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)
