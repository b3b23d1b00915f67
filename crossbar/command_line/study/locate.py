"""Where in a TOML file a key stands."""

import re

_HEADER = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?")
_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def line_of(text: str, field: str) -> int | None:
    """Return the number of the line, from 1, that gives the dotted `field`, or else what it is a part of.

    Parameters
    ----------
    text
        A TOML file.
    field
        Dotted name, such as `config.wires.row`.
    """
    wanted = tuple(field.split("."))
    best: tuple[int, int] | None = None
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            found = table = _parts(header[1])
        elif key := _KEY.match(line):
            found = table + _parts(key[1])
        else:
            continue
        if found == wanted[: len(found)] and (best is None or len(found) > best[0]):
            best = (len(found), number)
    return None if best is None else best[1]


def _parts(key: str) -> tuple[str, ...]:
    """Return the parts of a dotted key; a quoted part may hold dots, which separate fields here too."""
    return tuple(name for part in _PART.findall(key) for name in part.strip("\"'").split("."))
