"""Architectures to JSON and back."""

import json
from dataclasses import asdict, fields
from typing import Any

from crossbar.cost.adc_laws import ADC_LAWS
from crossbar.cost.architecture import COMPONENT_FIELDS, Architecture
from crossbar.cost.component import Component
from crossbar.serialization import read_versioned
from devices.arguments import checked

_VERSION = 1


@checked
def architecture_to_json(architecture: Architecture) -> str:
    """Return an architecture as JSON text, its converter law by name; read it with `architecture_from_json`."""
    data = asdict(architecture)
    data["adc"] = {"_type": type(architecture.adc).__name__, **data["adc"]}
    return json.dumps({"_version": _VERSION, **data}, sort_keys=True, allow_nan=False)


@checked
def architecture_from_json(text: str) -> Architecture:
    """Rebuild an architecture from `architecture_to_json`.

    Raises
    ------
    ValueError
        If the text is not such JSON, was written by a newer version, or names a law or field that is not known.
    """
    data = read_versioned(text, _VERSION, what="architecture")
    law = data.get("adc")
    kind = ADC_LAWS.get(law.pop("_type", "")) if isinstance(law, dict) else None
    if kind is None:
        raise ValueError(f"The architecture's `adc` must name one of {', '.join(ADC_LAWS)}. Got {law!r}.")
    data["adc"] = _built(kind, law)
    for name in COMPONENT_FIELDS:
        data[name] = _built(Component, data.get(name, {}))
    architecture: Architecture = _built(Architecture, data)
    return architecture


def _built(cls: type, data: Any) -> Any:
    if not isinstance(data, dict):
        raise ValueError(f"The stored {cls.__name__} must be an object. Got {data!r}.")
    unknown = set(data) - {f.name for f in fields(cls)}
    if unknown:
        raise ValueError(
            f"The stored {cls.__name__} has unknown fields {sorted(unknown)}; a newer version may know them."
        )
    try:
        return cls(**data)
    except TypeError as error:
        raise ValueError(f"The stored {cls.__name__} is incomplete: {error}.") from error
