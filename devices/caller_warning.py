"""Warnings that point at the line that uses the packages, however many functions of theirs lie between."""

import sys
import warnings

_PASSED = ("devices", "mapping", "crossbar", "calibration", "torch", "dataclasses")
"""Packages whose lines are never the cause; PyTorch stands between a user's `model(x)` and a layer."""


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line outside these packages.

    Python shows a warning once for each such line: a line of a package would be the same one for every user, so that
    only the first would be told.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _PASSED:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
