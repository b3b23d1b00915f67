"""Where results come from: the versions, the config and the point function they were computed with."""

import dataclasses
import hashlib
import importlib.metadata
import inspect
import json
import platform
from collections.abc import Callable, Mapping

import torch

_PACKAGES = ("aimc-crossbar", "numpy", "xarray", "zarr")


def versions_json() -> str:
    """Return the versions of Python and of the packages that shape the numbers, as JSON; null for one not installed."""
    found: dict[str, str | None] = {"python": platform.python_version(), "torch": torch.__version__}  # names its build
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return json.dumps(found)


def config_json(config: object) -> str:
    """Return a config as JSON.

    Raises
    ------
    TypeError
        If JSON cannot hold it.
    ValueError
        If it is text but not JSON.
    """
    if isinstance(config, str):
        try:
            return json.dumps(json.loads(config))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"`config` must be JSON if it is text: {error}.") from error
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        config = dataclasses.asdict(config)
    try:
        return json.dumps(config)
    except TypeError as error:
        raise TypeError(f"`config` must be a dataclass or a value that JSON can hold: {error}.") from error


def point_source_sha256(point: Callable[..., Mapping[str, float]]) -> str:
    """Return a digest of the source of a point function, empty where there is no source to read."""
    while (inner := getattr(point, "func", None)) is not None:  # functools.partial
        point = inner
    try:
        return hashlib.sha256(inspect.getsource(point).encode()).hexdigest()
    except (OSError, TypeError):
        return ""


def specification_sha256(sweep: str, config: str) -> str:
    """Return the identity of a sweep: the digest of its JSON and its config's JSON."""
    return hashlib.sha256(json.dumps([json.loads(sweep), json.loads(config)]).encode()).hexdigest()
