"""Pages that are written elsewhere in the project: notebooks as they ran, sections of the README, measured results."""

import re
import shutil
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
SECTIONS = {
    "generated/parts/models.md": ("README.md", "## What it models"),
    "generated/parts/speed.md": ("README.md", "## How fast"),
    "generated/parts/calibration.md": ("README.md", "## What calibration wins back"),
    "generated/parts/limits.md": ("README.md", "## Limits"),
    "generated/parts/cite.md": ("README.md", "## Cite"),
    "generated/results.md": ("benchmarks/results/README.md", ""),
    "generated/changelog.md": ("CHANGELOG.md", ""),
    "generated/contributing.md": ("CONTRIBUTING.md", ""),
}
PAGES = {"benchmarks/results/README.md": "/generated/results.md", "CONTRIBUTING.md": "/generated/contributing.md"}
"""Where links of the sources lead on the site."""


def section(text: str, heading: str) -> str:
    """Return a section with its heading as the title of a page; the whole text without a heading."""
    if not heading:
        return text
    start = text.index(heading + "\n")
    end = text.find("\n## ", start + 1)
    return text[start + 1 : end if end > 0 else None].strip() + "\n"


def relinked(text: str) -> str:
    """Point the links of a source at pages of the site."""

    def replace(match: re.Match[str]) -> str:
        label, target = match.groups()
        if "://" in target:
            return match.group()
        if target.endswith(".ipynb"):
            return f"[{label}](/tutorials/{Path(target).name})"
        # Files that are no page of the site keep their name.
        return f"[{label}]({PAGES[target]})" if target in PAGES else f"`{label}`"

    return re.sub(r"\[([^\]]+)\]\(([^)#\s]+)\)", replace, text)


def write(path: Path, text: str) -> None:
    """Write a page, unless it is there already: what did not change is not built anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def write_pages(app: Sphinx) -> None:
    """Write the pages before Sphinx looks for sources."""
    home = Path(app.srcdir)
    for page, (source, heading) in SECTIONS.items():
        write(home / page, relinked(section((ROOT / source).read_text(encoding="utf-8"), heading)))
    tutorials = home / "tutorials"
    tutorials.mkdir(exist_ok=True)
    for source in sorted((ROOT / "notebooks").iterdir()):
        target = tutorials / source.name
        if source.suffix in {".ipynb", ".py"} and not (target.exists() and target.read_bytes() == source.read_bytes()):
            shutil.copyfile(source, target)
    shutil.copyfile(ROOT / "notebooks" / "demo.png", home / "generated" / "demo.png")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the pages."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
