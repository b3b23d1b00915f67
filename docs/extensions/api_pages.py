"""The reference: a page for every family of public names, written from the packages themselves."""

import functools
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from pages_from_sources import write
from sphinx.application import Sphinx

import devices

PACKAGES = {
    "crossbar": (
        "crossbar.cost",
        "crossbar.sweeps",
        "crossbar.parasitics",
        "crossbar.spiking",
        "crossbar.adapters",
        "crossbar.self_test",
        "crossbar.attacks",
        "crossbar.examples",
    ),
    "devices": ("devices.curves",),
    "mapping": ("mapping.quantizers", "mapping.encodings"),
    "calibration": ("calibration.mime", "calibration.training"),
}
"""Packages, and those of their modules whose names are public too."""


def public(name: str) -> Iterator[tuple[str, object]]:
    """Yield the classes and functions of a package that are its own, as their full public names."""
    module = importlib.import_module(name)
    for attribute, value in vars(module).items():
        home = getattr(value, "__module__", None)
        ours = isinstance(home, str) and home.partition(".")[0] == name.partition(".")[0]
        if ours and not attribute.startswith("_") and (inspect.isclass(value) or inspect.isfunction(value)):
            yield f"{name}.{attribute}", value


def families(package: str) -> dict[str, list[tuple[str, object]]]:
    """Return public names by the folder or file that they live in, each once."""
    found: dict[str, list[tuple[str, object]]] = {}
    seen: set[int] = set()
    for name in (package, *PACKAGES[package]):
        for path, value in public(name):
            if id(value) not in seen:
                seen.add(id(value))
                found.setdefault(".".join(value.__module__.split(".")[:2]), []).append((path, value))
    return dict(sorted(found.items()))


@functools.cache
def paths() -> dict[str, str]:
    """Return the public path of every public name and of every path to it."""
    found = {}
    for package in PACKAGES:
        for path, value in (member for family in families(package).values() for member in family):
            homes = (path, f"{value.__module__}.{value.__name__}", path.rpartition(".")[2])
            found.update(dict.fromkeys(homes, path))
    return found


def linked(text: str) -> str:
    """Return a line of a docstring as reStructuredText: `names` link where they have a page, and are code elsewhere."""

    def code(match: re.Match[str]) -> str:
        plain = match[1] or match[2]
        path = paths().get(re.sub(r"\(.*", "", plain))
        return f":py:obj:`{plain} <{path}>`" if path else f"``{plain}``"

    pieces = re.split(r"((?<!:)``[^`]+``|(?<![:`])`[^`]+`)", text)
    # Outside of code a bar stands for a magnitude and an asterisk for a product.
    pieces[::2] = [re.sub(r"(?<!\\)([|*])", r"\\\1", piece) for piece in pieces[::2]]
    pieces[1::2] = [re.sub(r"``([^`]+)``|`([^`]+)`", code, piece) for piece in pieces[1::2]]
    return "".join(pieces)


def link_docstring(app: Sphinx, what: str, name: str, thing: object, options: Any, lines: list[str]) -> None:
    """Link what a docstring names."""
    if what in {"attribute", "property"} and lines and lines[-1].startswith(":type: "):
        # Napoleon takes what stands before a colon for a type.
        lines[:] = [f"{lines[-1].removeprefix(':type: ')}: {lines[0]}", *lines[1:-1]]
    for place, line in enumerate(lines):
        field = re.match(r"\s*(:[^:`]+:)?", line)
        if field and not re.match(r"\s*(>>>|\.\.)", line):
            lines[place] = field[0] + linked(line[field.end() :])


def link_page(app: Sphinx, docname: str, source: list[str]) -> None:
    """Link what a page names by its full path."""
    if Path(app.env.doc2path(docname)).suffix != ".md":
        return

    def code(match: re.Match[str]) -> str:
        path = paths().get(match[1]) if match[1] and "." in match[1] else None
        return f"{{py:obj}}`{match[1]} <{path}>`" if path else match[0]

    source[0] = re.sub(r"```.*?```|(?<![`}])`([\w.]+)`(?!`)", code, source[0], flags=re.S)


def first_line(thing: object) -> str:
    """Return the first paragraph of a docstring in one line."""
    return linked(" ".join((inspect.getdoc(thing) or "").strip().split("\n\n")[0].split()))


def family_page(module: ModuleType, members: list[tuple[str, object]]) -> str:
    """Return the page of a family."""
    lines = [module.__name__, "=" * len(module.__name__), "", first_line(module), ""]
    for path, value in members:
        kind = "class" if inspect.isclass(value) else "function"
        lines += [f".. auto{kind}:: {path}"]
        lines += ["   :members:"] if kind == "class" else []
        lines += [""]
    return "\n".join(lines)


def package_page(package: str, found: dict[str, list[tuple[str, object]]]) -> str:
    """Return the page of a package: its names in tables, and the pages of its families below it."""
    module = importlib.import_module(package)
    lines = [package, "=" * len(package), "", first_line(module), ""]
    for family, members in found.items():
        lines += [f":doc:`{family} <{family}>`", "", ".. list-table::", "   :widths: 40 60", ""]
        for path, value in members:
            lines += [f"   * - :py:obj:`{path}`", f"     - {first_line(value)}"]
        lines += [""]
    lines += [".. toctree::", "   :hidden:", "", *(f"   {family}" for family in found), ""]
    return "\n".join(lines)


def presets_page() -> str:
    """Return the published devices as a page."""
    lines = ["Published devices", "=================", ""]
    lines += ["Names in ``crossbar.devices``; each warns where it is used outside of what its source measured.", ""]
    lines += [".. list-table::", "   :header-rows: 1", "   :widths: 30 15 30 25", ""]
    lines += ["   * - name", "     - window [µS]", "     - programming, read noise, drift", "     - source"]
    for name, device in devices.find_presets().items():
        effects = (device.programming, device.read_noise, device.drift)
        kinds = ", ".join("none" if effect is None else linked(f"`{type(effect).__name__}`") for effect in effects)
        window = f"{1e6 * device.g_min:.4g} to {1e6 * device.g_max:.4g}"
        lines += [f"   * - ``{name}``", *(f"     - {text}" for text in (window, kinds, device.source))]
    return "\n".join([*lines, ""])


def write_reference(app: Sphinx) -> None:
    """Write all pages."""
    folder = Path(app.srcdir) / "reference"
    write(folder / "presets.rst", presets_page())
    for package in PACKAGES:
        found = families(package)
        write(folder / f"{package}.rst", package_page(package, found))
        for family, members in found.items():
            write(folder / f"{family}.rst", family_page(importlib.import_module(family), members))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the pages."""
    app.connect("builder-inited", write_reference)
    app.connect("autodoc-process-docstring", link_docstring)
    app.connect("source-read", link_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
