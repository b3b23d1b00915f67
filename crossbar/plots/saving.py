"""Write figures to files."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from crossbar.atomic_file import write_atomically
from devices.arguments import checked
from devices.validation import check_choice

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SUFFIXES = (".png", ".svg", ".pdf")


@checked
def save_figure(figure: "Figure", path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG (600 dpi), SVG or PDF, by the suffix of `path`; folders are made as needed.

    The same figure gives the same file: no date is written. Text stays text in SVG and PDF.

    Raises
    ------
    ValueError
        If the suffix is none of the three.
    """
    import matplotlib

    path = Path(path)
    check_choice("suffix of path", path.suffix.lower(), _SUFFIXES)
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower())
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "crossbar", "pdf.fonttype": 42}):
        kind = path.suffix.lower()[1:]
        write_atomically(path, lambda partial: figure.savefig(partial, format=kind, dpi=600, metadata=metadata))
