"""What a training tells about its epochs."""

from collections.abc import Mapping, Sequence

import xarray as xr


def history_dataset(rows: Sequence[Mapping[str, float]]) -> xr.Dataset:
    """Return one variable per number over the epochs, from one mapping per epoch."""
    units = {"seconds": "s"}
    return xr.Dataset(
        {name: ("epoch", [row[name] for row in rows], {"units": units.get(name, "1")}) for name in rows[0]},
        coords={"epoch": ("epoch", range(1, len(rows) + 1), {"long_name": "passes over the batches", "units": "1"})},
    )
