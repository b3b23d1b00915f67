"""A sweep as its users write it: what to compute, and the verb that computes it."""

import json
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from crossbar.sweeps.dimensions import Axis, Output, Value
from crossbar.sweeps.runner import Point, run_sweep
from crossbar.sweeps.specification import Index, Specification, specify
from devices.arguments import checked
from devices.validation import check_integer

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import xarray as xr


@dataclass(frozen=True, init=False)
class Sweep:
    """A grid of points, each computed `trials` times with seeded randomness.

    Immutable, hashable, and the same as its JSON. Trial k has the same seeds at every point (common random numbers),
    so that differences between points vary less than the points themselves, and it keeps them when trials are added.

    Parameters
    ----------
    axes
        By name, the values of the axis, or a dictionary with `values` and optionally `units` and `long_name`. Names are
        free; dotted names of config fields go straight into `with_fields`. Without axes the sweep is a single point.
    outputs
        By name, a dictionary with `units` and optionally `long_name`, for each number that a trial returns.
    trials
        How often every point is computed, for instance the number of chips.
    seed
        Where all randomness comes from.

    Raises
    ------
    TypeError, ValueError
        If a name, a value or a unit cannot be stored.

    Examples
    --------
    >>> sweep = Sweep(axes={"sigma": [0.0, 0.1]}, outputs={"accuracy": {"units": "1"}}, trials=5, seed=0)
    >>> sweep.shape
    (2, 5)
    """

    specification: Specification
    """Axes, outputs, trials and seed, as plain data."""

    def __init__(
        self,
        *,
        axes: Mapping[str, Iterable[Value] | Mapping[str, Any]],
        outputs: Mapping[str, Mapping[str, str]],
        trials: int = 1,
        seed: int = 0,
    ) -> None:
        """Check and freeze the arguments."""
        specification = specify(axes=axes, outputs=outputs, trials=trials, seed=seed)
        object.__setattr__(self, "specification", specification)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes, in the order of the result's dimensions."""
        return self.specification.axes

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The outputs."""
        return self.specification.outputs

    @property
    def trials(self) -> int:
        """Trials at every point."""
        return self.specification.trials

    @property
    def seed(self) -> int:
        """Seed of the whole sweep."""
        return self.specification.seed

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of every result: one number per axis, then the trials."""
        return self.specification.shape

    def parameters(self, index: Index) -> dict[str, Value]:
        """Return the value of every axis at the point `index`."""
        return self.specification.parameters(index)

    def to_json(self) -> str:
        """Return the sweep as JSON."""
        return self.specification.to_json()

    @classmethod
    @checked
    def from_json(cls, text: str) -> "Sweep":
        """Return the sweep that `to_json` wrote.

        Raises
        ------
        ValueError
            If the text is no such JSON.
        """
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(
                f"`text` must be the JSON that `Sweep.to_json` gives. Got {reprlib.repr(text)}: {error}."
            ) from error

    @checked
    def run(
        self,
        point: Point,
        store: str | PathLike[str],
        executor: "Executor | None" = None,
        *,
        progress: bool = False,
        config: object = None,
        setup: Callable[[], object] | None = None,
        in_flight: int = 256,
        extend: bool = False,
    ) -> "xr.Dataset":
        """Compute what `store` does not hold yet and return all of it.

        Run the same line again after any interruption: finished points are kept, and the result is identical to that
        of an uninterrupted run. Every point is one job, which appends its numbers with a checksum to the journal of its
        process: a kill at any moment costs no more than the points in work. At the end of a run the store holds the
        results as zarr arrays too.

        Parameters
        ----------
        point
            `point(parameters, *, generator) -> {output: number}`: one trial at one point. Randomness comes from
            `generator` or from torch's default stream, which is seeded before every trial. A model or data set that is
            slow to load belongs in a function of the same module under `functools.lru_cache`: each worker process then
            loads it once. For process pools `point` must be importable, that is at the top of a module.
        store
            Folder of the results (zarr version 3), created if absent. All workers must see it.
        executor
            Where jobs run: any `concurrent.futures.Executor`, such as `process_pool(2)` or dask's
            `client.get_executor()`. None runs them here, one after another. Trials that share a process take turns,
            because they share torch's default stream: threads are safe but no faster.
        progress
            Whether to show a progress bar (needs tqdm): points, and the trials of points that take long.
        config
            What all points have in common, kept with the results and part of the sweep's identity: a dataclass, or
            anything JSON can hold, or JSON text.
        setup
            Called once in every worker process before its first point, for instance
            `functools.partial(torch.set_num_threads, 1)` on dask workers.
        in_flight
            How many jobs are handed to the executor at a time; use at least twice the number of workers.
        extend
            Whether the sweep in `store` may grow into this one: more trials, or more values on its axes. Finished
            points and trials stay, and the result is that of this sweep run from the start.

        Returns
        -------
        xarray.Dataset
            One variable per output with dimensions axes + trial; attributes hold units, config, seed and versions.

        Raises
        ------
        SweepError
            After all other points are done, if some failed or were lost. Their tracebacks: `sweep_failures(store)`.
        StorageError
            If the store cannot be written; found before the first point where that can be known.
        ValueError
            If the store holds another sweep, or this one in its growth and `extend` is False.
        ImportError
            If zarr (or tqdm, with `progress`) is not installed.
        """
        check_integer("in_flight", in_flight, at_least=1)
        return run_sweep(
            self.specification,
            point,
            store,
            executor,
            progress=progress,
            config=config,
            setup=setup,
            in_flight=in_flight,
            extend=extend,
        )
