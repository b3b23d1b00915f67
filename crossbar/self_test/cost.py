"""What a self-test takes."""

import xarray as xr
from torch import nn

from crossbar.self_test.check import tested_arrays
from crossbar.self_test.checksums import Checksums
from devices.arguments import checked

_TEXTS = {
    "arrays": "arrays",
    "bit_lines": "checksum bit lines of all arrays",
    "share": "checksum bit lines over the bit lines that hold weights",
    "cells": "cells of checksums",
    "reads": "reads of word-line patterns by each array in one test",
    "numbers": "numbers kept digitally",
}


@checked
def checksum_cost(model: nn.Module, checksums: Checksums) -> xr.Dataset:
    """Return what the checksums of a model take: lines, cells, reads of one test and numbers kept, over `layer`.

    Parameters
    ----------
    model
        A programmed analog model.
    checksums
        Its checksum lines.

    Raises
    ------
    ValueError
        If they are of another model.
    """
    rows = []
    for name, array in tested_arrays(model, checksums).items():
        lines, placement = checksums[name], array.placement
        tiles, word_lines, count = lines.levels.shape
        held = int((placement.column_index >= 0).sum())
        rows.append(
            {
                "arrays": tiles,
                "bit_lines": tiles * count,
                "share": tiles * count / max(1, held),
                "cells": int((placement.row_index >= 0).sum()) * count,
                "reads": -(-word_lines // checksums.settings.word_lines) * lines.repeats,
                "numbers": 0 if lines.fingerprint is None else lines.fingerprint.numel(),
            }
        )
    return xr.Dataset(
        {
            name: ("layer", [row[name] for row in rows], {"long_name": text, "units": "1"})
            for name, text in _TEXTS.items()
        },
        coords={"layer": list(checksums.names)},
    )
