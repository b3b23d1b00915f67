"""The axes and the outputs of a sweep: names, values, units."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

Value = bool | int | float | str
"""What one point of an axis may be."""

_NAME = re.compile(r"[^\W\d_][\w.]*")
_RESERVED = ("trial", "jobs", "zarr.json")


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One dimension of a sweep.

    Parameters
    ----------
    name
        Name of the dimension, for instance a config field by dotted name.
    values
        The values, in the order of the results; integers beside floats become floats.
    units
        Unit of the values, for instance "S"; empty for none.
    long_name
        What a plot writes beside the axis; empty for the name in plain words.

    Raises
    ------
    TypeError, ValueError
        If the values are not distinct numbers, or distinct strings, or distinct booleans.
    """

    name: str
    values: tuple[Value, ...]
    units: str = ""
    long_name: str = ""

    def __post_init__(self) -> None:
        """Refuse names and values that the store or a plot could not hold."""
        check_name("axes", self.name)
        object.__setattr__(self, "values", _as_values(self.name, self.values))
        object.__setattr__(self, "long_name", self.long_name or _in_words(self.name))


@dataclass(frozen=True, kw_only=True)
class Output:
    """One number that every trial of a sweep returns.

    Parameters
    ----------
    name
        Key in the dictionary that the point function returns.
    units
        Unit of the number, "1" for a ratio or a count.
    long_name
        What a plot writes beside the number; empty for the name in plain words.
    """

    name: str
    units: str
    long_name: str = ""

    def __post_init__(self) -> None:
        """Refuse names the store could not hold."""
        check_name("outputs", self.name)
        object.__setattr__(self, "long_name", self.long_name or _in_words(self.name))


def check_name(argument: str, name: object) -> None:
    """Raise unless `name` can name a variable in the store and in netCDF."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"`{argument}` must be named with letters, digits, dots and underscores, a letter first. Got {name!r}."
        )
    if name in _RESERVED:
        raise ValueError(f"`{argument}` cannot use the name {name!r}: the store needs it. Choose another name.")


def _as_values(name: str, values: Iterable[Value]) -> tuple[Value, ...]:
    """Return plain Python values of one kind."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"Axis `{name}` must be a sequence of values. Got {values!r}. For one value write [value].")
    plain = tuple(value.item() if isinstance(value, np.generic) else value for value in values)
    if not plain:
        raise ValueError(f"Axis `{name}` must have at least one value. Got none.")
    kinds = {type(value) for value in plain}
    if kinds == {int, float}:
        plain, kinds = tuple(float(value) for value in plain), {float}
    if len(kinds) != 1 or not kinds <= {bool, int, float, str}:
        found = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(f"Axis `{name}` must be all numbers, all strings or all booleans. Got {found}.")
    if any(isinstance(value, float) and math.isnan(value) for value in plain):
        raise ValueError(f"Axis `{name}` must not contain NaN.")
    if any(isinstance(value, int) and abs(value) >= 2**63 for value in plain):
        raise ValueError(f"Axis `{name}` must have integers of at most 63 bits. Got {plain!r}.")
    if len(set(plain)) != len(plain):
        raise ValueError(f"Axis `{name}` must not repeat a value. Got {plain!r}.")
    return plain


def _in_words(name: str) -> str:
    return name.replace("_", " ").replace(".", " ")
