"""One call of `Sweep.run`: lay out or reopen the store, compute what is missing, return everything."""

import difflib
import json
import os
import pickle
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crossbar.sweeps import provenance
from crossbar.sweeps.arrays import import_zarr
from crossbar.sweeps.bar import show_progress
from crossbar.sweeps.growth import has_grown
from crossbar.sweeps.job import Job
from crossbar.sweeps.layout import LAYOUT, LAYOUT_VERSION, create_store, read_attributes
from crossbar.sweeps.results import as_dataset
from crossbar.sweeps.schedule import run_jobs
from crossbar.sweeps.seeds import trial_seeds
from crossbar.sweeps.specification import Index, Specification
from crossbar.sweeps.state import State
from crossbar.sweeps.storage_check import check_storage
from crossbar.sweeps.store import locked, publish, read_state, renew
from crossbar.sweeps.summary import summarise
from devices.caller_warning import warn_caller
from devices.validation import FieldTypeError

if TYPE_CHECKING:
    import xarray as xr


Point = Callable[..., Mapping[str, float]]
"""`point(parameters: dict, *, generator: torch.Generator) -> dict[str, float]`, one trial at one point."""

_ORIGIN = {"point_source_sha256": "the point function", "versions": "versions of packages"}
"""Attributes that may change between two runs on one store, though not unnoticed."""


def run_sweep(
    sweep: Specification,
    point: Point,
    store: str | os.PathLike[str],
    executor: Executor | None,
    *,
    progress: bool,
    config: object,
    setup: Callable[[], object] | None,
    in_flight: int,
    extend: bool,
) -> "xr.Dataset":
    """Do what `Sweep.run` says."""
    import_zarr()
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise FieldTypeError(
            f"`executor` must be an executor, such as process_pool(2), or None. Got {executor!r}.", "executor"
        )
    _check_importable(point, setup, executor)
    path = Path(store).expanduser().absolute()
    attributes = _open_or_create(path, sweep, _attributes(sweep, point, config), extend=extend)
    state = read_state(path, sweep, attributes)
    missing = _missing(state)
    check_storage(path, jobs=len(missing), outputs=len(sweep.outputs), trials=sweep.trials)
    jobs = _jobs(missing, state, path, sweep, point, setup)
    with show_progress(progress, path, sweep, attributes, state) as bar:
        outcome = run_jobs(jobs, executor, in_flight, bar)
    state = publish(path, sweep, None if missing else state)
    if not state.done.all():
        raise summarise(sweep, path, state, outcome) from outcome.broken
    return as_dataset(sweep, attributes, state)


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
        LAYOUT: LAYOUT_VERSION,
    }


def _open_or_create(path: Path, sweep: Specification, attributes: dict[str, Any], *, extend: bool) -> dict[str, Any]:
    """Make sure that `path` holds this sweep, and return what it says about itself.

    Say so if what computes it has changed since it was begun.
    """
    if "://" in str(path) or ":/" in str(path):
        raise ValueError(f"`store` must be a folder that all workers see. Got {path}.")
    try:
        read_attributes(path)
    except FileNotFoundError:
        create_store(path, sweep, attributes)
    with locked(path):
        found = read_attributes(path)
        if found["specification_sha256"] != attributes["specification_sha256"]:
            _check_growth(path, sweep, found, attributes, extend=extend)
        changed = [words for key, words in _ORIGIN.items() if found[key] != attributes[key]]
        if changed and read_state(path, sweep, found).stored.any():
            warn_caller(
                f"Since the sweep in {path} was begun, {' and '.join(changed)} changed. What is finished there is kept; "
                "use another store to compute it anew.",
            )
            attributes = attributes | {key: found[key] for key in _ORIGIN}
        renew(path, attributes)
    return attributes


def _check_growth(
    path: Path, sweep: Specification, found: Mapping[str, Any], attributes: Mapping[str, Any], *, extend: bool
) -> None:
    """Raise unless the sweep is what the store holds, grown, and is asked to be."""
    grown = found["config"] == attributes["config"] and has_grown(
        Specification.from_json(found["specification"]), sweep
    )
    if grown and extend:
        return
    differences = "\n".join(
        difflib.unified_diff(_identity(found), _identity(attributes), "there", "here", n=4, lineterm="")
    )
    advice = (
        "\nThis one has more values or trials: `extend=True` adds them and keeps what is finished." if grown else ""
    )
    raise ValueError(f"`store` must be absent or hold this sweep. {path} holds another one:\n{differences}{advice}")


def _identity(attributes: Mapping[str, Any]) -> list[str]:
    """Return what makes a sweep the same sweep as lines of JSON, one value each."""
    return json.dumps({key: json.loads(attributes[key]) for key in ("specification", "config")}, indent=1).splitlines()


def _missing(state: State) -> list[Index]:
    """Return the points still to do; those that were running at an interruption come last.

    A point that kills its worker would otherwise stand in the way of all others at every new run.
    """
    done = state.done
    return [*_indices(~done & ~state.started), *_indices(~done & state.started)]


def _indices(where: npt.NDArray[np.bool_]) -> list[Index]:
    return [tuple(index) for index in np.argwhere(where).tolist()]


def _jobs(
    missing: Iterable[Index],
    state: State,
    path: Path,
    sweep: Specification,
    point: Point,
    setup: Callable[[], object] | None,
) -> Iterator[Job]:
    run, seeds = uuid.uuid4().hex, trial_seeds(sweep.seed, sweep.trials)
    for index in missing:
        first = int(np.argmin(state.stored[index]))
        yield Job(
            run=run,
            point=point,
            setup=setup,
            store=path,
            index=index,
            parameters=sweep.parameters(index),
            outputs=sweep.output_names,
            first_trial=first,
            seeds=seeds[first:],
        )


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
