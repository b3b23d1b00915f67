"""Which cells of the alarmed arrays are wrong: row by row, bit line by bit line."""

import math
from statistics import NormalDist

import torch
import xarray as xr
from torch import Tensor, nn

from crossbar.array import CrossbarArray
from crossbar.self_test.arrays import cell_variances, lower_end, make_intended_array, make_test_array, read_lines
from crossbar.self_test.check import common_drift, tested_arrays
from crossbar.self_test.checksums import CheckLines, Checksums
from devices.arguments import checked

_TEXTS = {
    "layer": "analog layer",
    "tile": "array of the layer",
    "row": "word line of the used part of the array",
    "column": "bit line of the used part of the array; from its width on, those of the checksum",
    "checksum": "whether the cell is one of the checksum",
    "difference": "what it gives less what it should, in levels, but for drift that cells share",
}


@checked
@torch.no_grad()
def find_faults(model: nn.Module, checksums: Checksums, alarms: xr.Dataset) -> xr.Dataset:
    """Read the rows of alarmed arrays one by one and return the cells that are off by half a level or more.

    All rows of an array are read: faults of one pattern may cancel, modulo the checksum, while those of another do not.

    What they should give follows from the levels that the weights were mapped to, behind the wires; where errors of
    programming leave levels unclear, only cells beyond what these explain are named.

    Parameters
    ----------
    model
        A programmed analog model.
    checksums
        Its checksum lines.
    alarms
        From `check_arrays`.

    Returns
    -------
    xr.Dataset
        `layer`, `tile`, `row`, `column`, `checksum` and `difference` over `fault`.

    Raises
    ------
    ValueError
        If the checksums are of another model.
    """
    arrays = tested_arrays(model, checksums)
    rows: list[tuple[str, int, int, int, bool, float]] = []
    for name, array in arrays.items():
        own = alarms.isel(array=(alarms.layer.values == name) & alarms.alarm.values.astype(bool))
        if not own.sizes["array"]:
            continue
        difference = _differences(array, checksums[name], checksums, own)
        cols = array.placement.levels.shape[2]
        rows += [
            (name, tile, row, column, column >= cols, float(difference[tile, row, column]))
            for tile, row, column in difference.nonzero().tolist()
        ]
    columns = zip(*rows, strict=True) if rows else ((),) * len(_TEXTS)
    return xr.Dataset(
        {
            key: ("fault", list(values), {"long_name": text})
            for (key, text), values in zip(_TEXTS.items(), columns, strict=True)
        }
    )


def _differences(array: CrossbarArray, lines: CheckLines, checksums: Checksums, own: xr.Dataset) -> Tensor:
    """Return how far cells of alarmed patterns are off, in levels, 0 where noise explains it, (tiles, rows, lines)."""
    settings = checksums.settings
    test, intended = make_test_array(array, lines), make_intended_array(array, lines)
    fresh, stays = cell_variances(test)
    rows, cells = fresh.shape[1], fresh[0].numel()
    reach = NormalDist().inv_cdf(1 - settings.false_alarms / (2 * cells))
    spread = (reach + NormalDist().inv_cdf(1 - settings.misses)) ** 2
    repeats = max(1, math.ceil(4 * spread * float(fresh.max())))
    single = torch.eye(rows, device=fresh.device)
    lowest = lower_end(test, single)
    should = read_lines(intended, single, repeats=1, exact=True) + lowest
    given = read_lines(test, single, repeats=repeats) + lowest
    there = should > 0
    factor = common_drift(given[there], should[there]) if float(array.time) else given.new_ones(())
    difference = given / factor - should  # (tiles, rows, lines)
    bound = (reach / factor * (fresh / repeats + stays).sqrt()).clamp(min=0.5)
    alarmed = torch.zeros(len(bound), dtype=torch.bool, device=bound.device)
    alarmed[torch.as_tensor(own.tile.values.astype(int), device=bound.device)] = True
    wrong = (difference.abs() >= bound) & alarmed[:, None, None] & test.placement.used
    return difference * wrong
