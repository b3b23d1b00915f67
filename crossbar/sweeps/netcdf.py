"""Results as one netCDF file."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from crossbar.atomic_file import write_atomically
from devices.arguments import checked

if TYPE_CHECKING:
    import xarray as xr


@checked
def export_netcdf(dataset: "xr.Dataset", path: str | os.PathLike[str]) -> None:
    """Write a Dataset as one netCDF-4 file for the archive; an existing file is replaced in one step.

    Raises
    ------
    ImportError
        If netCDF4 is not installed.
    """
    try:
        import netCDF4  # noqa: F401
    except ImportError as error:
        raise ImportError("netCDF4 is needed to write netCDF: pip install 'aimc-crossbar[sweep]'.") from error
    write_atomically(Path(path), lambda partial: dataset.to_netcdf(partial, engine="netcdf4"))
