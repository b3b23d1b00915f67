"""One call of `Sweep.run`: lay out or reopen the store, compute what is missing, return everything."""

import contextlib
import difflib
import json
import logging
import math
import os
import pickle
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossbar.progress import progress_bar
from crossbar.sweeps import provenance
from crossbar.sweeps.job import Job
from crossbar.sweeps.layout import STARTED, create_store, import_zarr, open_store
from crossbar.sweeps.records import find_done, read_marks, read_values
from crossbar.sweeps.results import as_dataset
from crossbar.sweeps.schedule import run_jobs
from crossbar.sweeps.seeds import trial_seeds
from crossbar.sweeps.specification import Index, Specification
from crossbar.sweeps.storage_check import check_storage
from crossbar.sweeps.summary import summarise

if TYPE_CHECKING:
    import xarray as xr


Point = Callable[..., Mapping[str, float]]
"""`point(parameters: dict, *, generator: torch.Generator) -> dict[str, float]`, one trial at one point."""

_ORIGIN = {"point_source_sha256": "the point function", "versions": "versions of packages"}
"""Attributes that may change between two runs on one store, though not unnoticed."""

_LOGGER = logging.getLogger(__name__)


def run_sweep(
    sweep: Specification,
    point: Point,
    store: str | os.PathLike[str],
    executor: Executor | None,
    progress: bool,
    config: object,
    setup: Callable[[], object] | None,
    in_flight: int,
) -> "xr.Dataset":
    """Do what `Sweep.run` says."""
    import_zarr()
    _check_importable(point, setup, executor)
    path = Path(store).expanduser().absolute()
    _open_or_create(path, sweep, _attributes(sweep, point, config))
    jobs = _missing_jobs(path, sweep, point, setup)
    check_storage(path, jobs=len(jobs), outputs=len(sweep.outputs), trials=sweep.trials)
    points = math.prod(sweep.shape[:-1])
    with _progress_bar(progress, total=points, done_before=points - len(jobs)) as finished:
        outcome = run_jobs(jobs, executor, in_flight, finished)
    group = open_store(path)
    values, marks = read_values(group, sweep.output_names), read_marks(group)
    done = find_done(values, marks)
    if not done.all():
        raise summarise(sweep, path, done, marks == STARTED, outcome) from outcome.broken
    return as_dataset(sweep, dict(group.attrs), values, done)


def _attributes(sweep: Specification, point: Point, config: object) -> dict[str, Any]:
    """Return what the store and the Dataset say about themselves."""
    specification, config_text = sweep.to_json(), provenance.config_json(config)
    return {
        "specification": specification,
        "config": config_text,
        "specification_sha256": provenance.specification_sha256(specification, config_text),
        "seed": sweep.seed,
        "versions": provenance.versions_json(),
        "point_source_sha256": provenance.point_source_sha256(point),
    }


def _open_or_create(path: Path, sweep: Specification, attributes: dict[str, Any]) -> None:
    """Make sure that `path` holds this sweep, and say so if what computes it has changed since it was begun."""
    if "://" in str(path) or ":/" in str(path):
        raise ValueError(f"`store` must be a folder that all workers see. Got {path}.")
    try:
        found = dict(open_store(path).attrs)
    except FileNotFoundError:
        create_store(path, sweep, attributes)
        found = dict(open_store(path).attrs)
    if found["specification_sha256"] != attributes["specification_sha256"]:
        differences = "\n".join(
            difflib.unified_diff(_identity(found), _identity(attributes), "there", "here", n=4, lineterm="")
        )
        raise ValueError(f"`store` must be absent or hold this sweep. {path} holds another one:\n{differences}")
    changed = [words for key, words in _ORIGIN.items() if found[key] != attributes[key]]
    if changed and not (read_marks(open_store(path)) > 0).any():
        open_store(path, mode="r+").attrs.update({key: attributes[key] for key in _ORIGIN})
    elif changed:
        warnings.warn(
            f"Since the sweep in {path} was begun, {' and '.join(changed)} changed. What is finished there is kept; "
            "use another store to compute it anew.",
            stacklevel=4,
        )


def _identity(attributes: Mapping[str, Any]) -> list[str]:
    """Return what makes a sweep the same sweep as lines of JSON, one value each."""
    return json.dumps({key: json.loads(attributes[key]) for key in ("specification", "config")}, indent=1).splitlines()


def _missing_jobs(path: Path, sweep: Specification, point: Point, setup: Callable[[], object] | None) -> list[Job]:
    """Return the jobs still to do; those that were running at an interruption come last.

    A point that kills its worker would otherwise stand in the way of all others at every new run.
    """
    group, outputs = open_store(path), sweep.output_names
    marks = read_marks(group)
    done = find_done(read_values(group, outputs), marks)
    damaged = int(np.count_nonzero((marks > 0) & ~done))
    if damaged:
        _LOGGER.warning("%d finished points of %s are damaged and are computed again.", damaged, path)
    run, seeds = uuid.uuid4().hex, trial_seeds(sweep.seed, sweep.trials)
    return [
        Job(
            run=run,
            point=point,
            setup=setup,
            store=path,
            index=index,
            parameters=sweep.parameters(index),
            outputs=outputs,
            seeds=seeds,
        )
        for index in [*_indices(~done & (marks != STARTED)), *_indices(~done & (marks == STARTED))]
    ]


def _indices(where: npt.NDArray[np.bool_]) -> list[Index]:
    return [tuple(index) for index in np.argwhere(where).tolist()]


def _check_importable(point: Point, setup: Callable[[], object] | None, executor: Executor | None) -> None:
    """Raise unless the processes of a pool can find the functions they are to call.

    Otherwise the pool would break without saying why.
    """
    if not isinstance(executor, ProcessPoolExecutor):
        return
    import __main__

    for name, function in (("point", point), ("setup", setup)):
        named = getattr(function, "func", function)  # functools.partial
        interactive = getattr(named, "__module__", "") == "__main__" and not hasattr(__main__, "__file__")
        try:
            pickle.dumps(function)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise TypeError(f"`{name}` must be a function at the top of a module, for worker processes to import it. "
                            f"Got {function!r}: {error}.") from error  # fmt: skip
        if interactive:
            raise TypeError(f"`{name}` must stand in a file, for worker processes to import it. Got {function!r} from "
                            "an interactive prompt. Move it to a module beside the notebook.")  # fmt: skip


@contextlib.contextmanager
def _progress_bar(show: bool, *, total: int, done_before: int) -> Iterator[Callable[[], object]]:
    """Yield what to call after every job."""
    if not show:
        yield lambda: None
        return
    with progress_bar(description="sweep", unit="point", total=total, done=done_before) as bar:
        yield lambda: bar.update(1)
