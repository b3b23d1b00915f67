"""Monte-Carlo sweeps that are short to write, run anywhere and resume after anything."""

from crossbar.sweeps.dimensions import Axis as Axis
from crossbar.sweeps.dimensions import Output as Output
from crossbar.sweeps.errors import StorageError as StorageError
from crossbar.sweeps.errors import SweepError as SweepError
from crossbar.sweeps.fields import with_fields as with_fields
from crossbar.sweeps.netcdf import export_netcdf as export_netcdf
from crossbar.sweeps.pool import process_pool as process_pool
from crossbar.sweeps.results import load_sweep as load_sweep
from crossbar.sweeps.results import sweep_failures as sweep_failures
from crossbar.sweeps.sweep import Sweep as Sweep
