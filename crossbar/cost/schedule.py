"""When every layer is busy: one after the other or as a pipeline, with copies of the slow ones."""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from devices.validation import check_choice, check_integer, check_nonnegative, check_positive

Mode = Literal["pipelined", "layer by layer"]
MODES: tuple[Mode, ...] = ("pipelined", "layer by layer")


@dataclass(frozen=True, kw_only=True)
class LayerLoad:
    """What a schedule knows of a layer."""

    name: str
    """Name of the layer."""
    vectors: float
    """Input vectors of one inference, read one after the other."""
    cycles: float
    """Array cycles of one vector, with its phases, pulses and operation units."""
    cycle_time: float
    """Time of a cycle [s]."""
    arrays: int
    """Arrays of one copy of the weights."""
    area: float = 0.0
    """Area of one copy [m2]."""
    fill: float = 1.0
    """Share of the layer before that has to be there until this one can begin."""

    def __post_init__(self) -> None:
        """Refuse loads that cannot be."""
        for name in ("vectors", "cycles", "area"):
            check_nonnegative(name, getattr(self, name))
        check_positive("cycle_time", self.cycle_time)
        check_integer("arrays", self.arrays, at_least=0)
        if not 0 <= self.fill <= 1:
            raise ValueError(f"`fill` must lie in [0, 1]. Got {self.fill!r}.")

    def busy(self, copies: int = 1) -> float:
        """Return the time that the layer's arrays are read for one inference [s]."""
        return math.ceil(self.vectors / copies) * self.cycles * self.cycle_time


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Times of one inference; tuples over the layers."""

    copies: tuple[int, ...]
    """Copies of the weights."""
    busy: tuple[float, ...]
    """Time that each layer's arrays are read [s]."""
    start: tuple[float, ...]
    """When it begins [s]."""
    finish: tuple[float, ...]
    """When its last output is there [s]."""
    interval: float
    """Time from one inference to the next [s]."""

    @property
    def latency(self) -> float:
        """Time from the first input to the last output [s]."""
        return max(self.finish)

    @property
    def throughput(self) -> float:
        """Inferences a second [1/s]."""
        return 1 / self.interval

    def utilization(self, loads: Sequence[LayerLoad]) -> float:
        """Return the share of time in which arrays are read, over all of them."""
        arrays = [load.arrays * copies for load, copies in zip(loads, self.copies, strict=True)]
        read = sum(number * busy for number, busy in zip(arrays, self.busy, strict=True))
        return read / (sum(arrays) * self.interval)


def make_schedule(
    loads: Sequence[LayerLoad],
    *,
    mode: Mode = "pipelined",
    duplication: Literal["none", "balanced"] | Mapping[str, int] = "none",
    arrays: int | None = None,
    area: float | None = None,
    pipeline_stages: int = 1,
) -> Schedule:
    """Return when every layer of one inference is busy.

    Layers follow one another as listed; branches of a network are taken for one chain, which overstates the latency of a
    pipeline and nothing else. In a pipeline a layer begins when the share `fill` of its predecessor is there and never
    ends before it; the interval is the busy time of the slowest layer.

    Parameters
    ----------
    loads
        The layers in the order of the network.
    mode
        "pipelined", or "layer by layer": each begins when the one before has ended, and inferences do not overlap.
    duplication
        "none"; copies by layer name, the others one; or "balanced": one more copy for the slowest layer as long as it
        fits, as ISAAC and RAELLA do. A layer never has more copies than vectors.
    arrays, area
        Budget of arrays, or of area [m2], that "balanced" stays within. One of them is needed for it.
    pipeline_stages
        Cycles from a layer's input to its output beside those of the read.

    Raises
    ------
    ValueError
        If there is no layer, a name is unknown, or one copy of each layer exceeds the budget.
    """
    check_choice("mode", mode, MODES)
    if not loads:
        raise ValueError("`loads` must hold at least one layer. Got none.")
    copies = _copies(loads, duplication, arrays=arrays, area=area)
    busy = [load.busy(number) for load, number in zip(loads, copies, strict=True)]
    start: list[float] = []
    finish: list[float] = []
    at, end = 0.0, 0.0
    for place, load in enumerate(loads):
        through = pipeline_stages * load.cycle_time
        if place:
            at = end if mode == "layer by layer" else start[-1] + load.fill * (finish[-1] - start[-1])
        one = load.cycles * load.cycle_time  # the last vector cannot be read before the layer before has ended
        own = at + busy[place] + through
        end = own if mode == "layer by layer" or not place else max(own, finish[-1] + one + through)
        start.append(at)
        finish.append(end)
    interval = finish[-1] if mode == "layer by layer" else max(busy)
    if interval <= 0:
        raise ValueError("`loads` must take time. Got layers without a single read.")
    return Schedule(copies=tuple(copies), busy=tuple(busy), start=tuple(start), finish=tuple(finish), interval=interval)


def _copies(
    loads: Sequence[LayerLoad],
    duplication: Literal["none", "balanced"] | Mapping[str, int],
    *,
    arrays: int | None,
    area: float | None,
) -> list[int]:
    if isinstance(duplication, Mapping):
        names = [load.name for load in loads]
        unknown = sorted(set(duplication) - set(names))
        if unknown:
            raise ValueError(f"`duplication` names layers that are not there: {unknown}. There are {names}.")
        for name, number in duplication.items():
            check_integer(f"duplication[{name!r}]", number, at_least=1)
        return [duplication.get(name, 1) for name in names]
    check_choice("duplication", duplication, ("none", "balanced"), hint="Or give copies by layer name.")
    if duplication == "none":
        if arrays is not None or area is not None:
            raise ValueError("A budget of `arrays` or `area` needs duplication='balanced'. Got 'none'.")
        return [1] * len(loads)
    if arrays is None and area is None:
        raise ValueError("`duplication='balanced'` needs a budget: `arrays` or `area`. Got neither.")
    return _balanced(loads, math.inf if arrays is None else arrays, math.inf if area is None else area)


def _balanced(loads: Sequence[LayerLoad], arrays: float, area: float) -> list[int]:
    """Give the slowest layer one more copy for as long as it fits."""
    left = [arrays - sum(load.arrays for load in loads), area - sum(load.area for load in loads)]
    if min(left) < 0:
        needed = sum(load.arrays for load in loads), sum(load.area for load in loads)
        raise ValueError(
            f"The budget must hold one copy of every layer: {needed[0]} arrays, {needed[1]:.3g} m2. "
            f"Got arrays={arrays:g}, area={area:.3g}. Raise it."
        )
    copies = [1] * len(loads)
    slowest = [(-load.busy(), place) for place, load in enumerate(loads)]
    heapq.heapify(slowest)
    while slowest:
        _, place = heapq.heappop(slowest)
        load = loads[place]
        # Copies that do not divide the vectors any better wait for the next that does.
        share = math.ceil(load.vectors / copies[place])
        wanted = math.ceil(load.vectors / (share - 1)) if share > 1 else 0
        extra = wanted - copies[place]
        if wanted == 0 or extra * load.arrays > left[0] or extra * load.area > left[1]:
            break  # the interval is that of this layer, whatever the others do
        left[0] -= extra * load.arrays
        left[1] -= extra * load.area
        copies[place] = wanted
        heapq.heappush(slowest, (-load.busy(wanted), place))
    return copies


def convolution_fill(*, size: Sequence[int], kernel: Sequence[int]) -> float:
    """Return the share of its input that a convolution needs for its first output, inputs arriving row by row.

    Parameters
    ----------
    size
        Spatial size of the input, (..., height, width).
    kernel
        Spatial size of the kernel.
    """
    position = 0
    for extent, reach in zip(size, kernel, strict=True):
        position = position * extent + min(reach, extent) - 1
    return (position + 1) / math.prod(size)
