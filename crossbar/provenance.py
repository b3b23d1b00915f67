"""What a stored result says about how it was made."""

import datetime
import json
from importlib import metadata

_PACKAGES = ("aimc-crossbar", "torch", "numpy", "xarray")


def provenance() -> dict[str, str]:
    """Return `versions` (JSON) and `created` (UTC, ISO 8601) for the attributes of a Dataset."""
    return {
        "versions": json.dumps({name: _version(name) for name in _PACKAGES}),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
