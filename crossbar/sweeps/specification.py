"""What a sweep computes, as plain data: axes, outputs, trials and a seed."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from crossbar.sweeps.dimensions import Axis, Output, Value
from devices.validation import check_integer

Index = tuple[int, ...]
"""Position of a point: one integer per axis."""


@dataclass(frozen=True, kw_only=True)
class Specification:
    """A grid of points and what every one of them gives; immutable, hashable, and the same as its JSON.

    Raises
    ------
    TypeError, ValueError
        If there is no output, a name stands twice, or trials or seed are no such integers.
    """

    axes: tuple[Axis, ...]
    """The axes, in the order of the result's dimensions."""
    outputs: tuple[Output, ...]
    """The outputs."""
    trials: int
    """Trials at every point."""
    seed: int
    """Seed of the whole sweep."""

    def __post_init__(self) -> None:
        """Refuse what cannot be computed or stored."""
        check_integer("trials", self.trials, at_least=1)
        check_integer("seed", self.seed, at_least=0, at_most=2**63 - 1)
        if not self.outputs:
            raise ValueError('`outputs` must name at least one number, for instance {"accuracy": {"units": "1"}}.')
        shared = {axis.name for axis in self.axes} & set(self.output_names)
        if shared:
            raise ValueError(f"`axes` and `outputs` must not share names. Both have {', '.join(sorted(shared))}.")

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of every result: one number per axis, then the trials."""
        return (*(len(axis.values) for axis in self.axes), self.trials)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs in order."""
        return tuple(output.name for output in self.outputs)

    def parameters(self, index: Index) -> dict[str, Value]:
        """Return the value of every axis at the point `index`."""
        return {axis.name: axis.values[i] for axis, i in zip(self.axes, index, strict=True)}

    def label(self, index: Index) -> str:
        """Return a point in words."""
        return ", ".join(f"{name}={value}" for name, value in self.parameters(index).items()) or "the only point"

    def to_json(self) -> str:
        """Return the specification as JSON."""
        axes = {axis.name: {key: value for key, value in asdict(axis).items() if key != "name"} for axis in self.axes}
        outputs = {output.name: {"units": output.units, "long_name": output.long_name} for output in self.outputs}
        return json.dumps({"axes": axes, "outputs": outputs, "trials": self.trials, "seed": self.seed})

    @classmethod
    def from_json(cls, text: str) -> "Specification":
        """Return the specification that `to_json` wrote."""
        return specify(**json.loads(text))


def specify(
    *,
    axes: Mapping[str, Iterable[Value] | Mapping[str, Any]],
    outputs: Mapping[str, Mapping[str, str]],
    trials: int,
    seed: int,
) -> Specification:
    """Return the specification that the arguments of `Sweep` describe.

    Raises
    ------
    TypeError, ValueError
        If one of them cannot be used.
    """
    _check_mapping("axes", axes, example='{"sigma": [0.0, 0.1]}')
    _check_mapping("outputs", outputs, example='{"accuracy": {"units": "1"}}')
    return Specification(
        axes=tuple(_axis(name, given) for name, given in axes.items()),
        outputs=tuple(_output(name, given) for name, given in outputs.items()),
        trials=trials,
        seed=seed,
    )


def _check_mapping(argument: str, given: object, *, example: str) -> None:
    if not isinstance(given, Mapping):
        raise TypeError(f"`{argument}` must be a dictionary by name, such as {example}. Got {given!r}.")


def _axis(name: str, given: Iterable[Value] | Mapping[str, Any]) -> Axis:
    if not isinstance(given, Mapping):
        return Axis(name=name, values=given)  # type: ignore[arg-type]  # Axis makes the tuple
    _check_keys(f'axes["{name}"]', given, required="values", optional=("units", "long_name"))
    return Axis(name=name, **given)


def _output(name: str, given: Mapping[str, str]) -> Output:
    if not isinstance(given, Mapping):
        raise TypeError(f'`outputs["{name}"]` must be a dictionary such as {{"units": "1"}}. Got {given!r}.')
    _check_keys(f'outputs["{name}"]', given, required="units", optional=("long_name",))
    return Output(name=name, **given)


def _check_keys(argument: str, given: Mapping[str, Any], *, required: str, optional: tuple[str, ...]) -> None:
    """Raise unless `given` has the keys it must have, no others, and text where text belongs."""
    unknown = [key for key in given if key not in (required, *optional)]
    if required not in given or unknown:
        names = ", ".join((required, *optional))
        raise ValueError(f"`{argument}` must have `{required}` and may have {names}. Got {', '.join(given) or 'none'}.")
    for key, value in given.items():
        if key != "values" and not isinstance(value, str):
            raise TypeError(f"`{argument}` must have text as `{key}`. Got {value!r}.")
