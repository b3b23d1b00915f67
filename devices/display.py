"""How configs show themselves: what differs from the defaults in a line, everything with its meaning in a notebook."""

import re
from dataclasses import MISSING, Field, fields, is_dataclass
from html import escape
from inspect import cleandoc
from typing import Any


def short_repr(config: Any) -> str:
    """Return the class and the fields that differ from their defaults; fields with `repr=False` are left out."""
    shown = (
        f"{field.name}={_text(value)}"
        for field in fields(config)
        if field.repr and not _is_default(field, value := getattr(config, field.name))
    )
    return f"{type(config).__name__}({', '.join(shown)})"


def html_table(config: Any) -> str:
    """Return all fields as a table, the defaults grey; a field's meaning shows where the pointer rests on it."""
    meanings = field_meanings(type(config))
    rows = "".join(_row(field, getattr(config, field.name), meanings.get(field.name, "")) for field in fields(config))
    return f"<table><caption>{type(config).__name__}</caption>{rows}</table>"


def field_meanings(kind: type) -> dict[str, str]:
    """Return what the section "Parameters" of a class's docstring says of each field."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[^\n]*\n-{3,}$|\Z)", cleandoc(kind.__doc__ or ""), re.S | re.M)
    entries = re.findall(r"^(\w[^\n]*)\n((?:[ ]{4}[^\n]*\n?|\n)+)", section[1] if section else "", re.M)
    return {name.strip(): " ".join(text.split()) for names, text in entries for name in names.split(",")}


def _row(field: Field[Any], value: object, meaning: str) -> str:
    style = ' style="opacity: 0.5"' if _is_default(field, value) else ""
    cells = f'<td style="text-align: left">{field.name}</td><td style="text-align: left">{escape(_text(value))}</td>'
    return f'<tr title="{escape(meaning)}"{style}>{cells}</tr>'


def _is_default(field: Field[Any], value: object) -> bool:
    default = field.default if field.default_factory is MISSING else field.default_factory()
    return value is default or (type(value) is type(default) and bool(value == default))


def _text(value: object) -> str:
    if is_dataclass(value):
        return short_repr(value)
    # Twelve digits hide what binary numbers add to a decimal one, 2.0000000000000003e-06.
    return f"{value:.12g}" if isinstance(value, float) else repr(value)
