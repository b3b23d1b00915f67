"""Replace fields of nested configs by dotted name."""

import dataclasses
from collections.abc import Mapping
from typing import TypeVar

from devices.arguments import checked

Config = TypeVar("Config")


@checked
def with_fields(config: Config, values: Mapping[str, object]) -> Config:
    """Return `config` with some fields replaced, also fields of the dataclasses inside it.

    Fields of one dataclass are replaced together, so that checks between them see the new values only.

    Parameters
    ----------
    config
        A frozen dataclass.
    values
        New values by dotted name, such as {"device.read_noise.sigma": 0.1}.

    Raises
    ------
    TypeError
        If `config`, or what a dotted name leads through, is not a dataclass.
    ValueError
        If a name is not a field (the message lists the fields), or is given both whole and in part.
    """
    return _replace(config, values, "")


def _replace(config: Config, values: Mapping[str, object], prefix: str) -> Config:
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        names = ", ".join(f"`{prefix}{name}`" for name in values)
        where = f"`{prefix[:-1]}`" if prefix else "`config`"
        raise TypeError(f"{where} must be a dataclass for {names} to be replaced in it. It is {config!r}.")
    fields = [field.name for field in dataclasses.fields(config) if field.init]
    whole: dict[str, object] = {}
    parts: dict[str, dict[str, object]] = {}
    for name, value in values.items():
        head, dot, rest = name.partition(".")
        if head not in fields:
            known = ", ".join(f"`{prefix}{field}`" for field in fields)
            raise ValueError(f"`{prefix}{head}` is not a field of {type(config).__name__}. Its fields are {known}.")
        if dot:
            parts.setdefault(head, {})[rest] = value
        else:
            whole[head] = value
    both = sorted(whole.keys() & parts.keys())
    if both:
        raise ValueError(f"`{prefix}{both[0]}` must be replaced either whole or in part. Got both.")
    for head, inner in parts.items():
        whole[head] = _replace(getattr(config, head), inner, f"{prefix}{head}.")
    return dataclasses.replace(config, **whole)
