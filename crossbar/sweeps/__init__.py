"""Monte-Carlo sweeps that are short to write, run anywhere and resume after anything.

One line here, the same line on all cores, the same line on a Slurm cluster (dask-jobqueue)::

    dataset = sweep.run(point, "runs/study.zarr")

    with process_pool() as pool:
        dataset = sweep.run(point, "runs/study.zarr", pool)

    with SLURMCluster(cores=1, memory="8GB", walltime="08:00:00") as cluster, Client(cluster) as client:
        cluster.scale(jobs=64)
        dataset = sweep.run(point, "runs/study.zarr", client.get_executor())

Load models and data in `setup=`, or in a cached function inside `torch.random.fork_rng()`: what loading draws from torch's
stream would otherwise shift the one trial of each worker that loads.

Interrupted? Run the line again. Curious? `load_sweep("runs/study.zarr")` reads what is there so far, `sweep_status` says
how far it is. Not enough? Add values or trials and run with `extend=True`.
"""

from crossbar.sweeps.dimensions import Axis as Axis
from crossbar.sweeps.dimensions import Output as Output
from crossbar.sweeps.errors import StorageError as StorageError
from crossbar.sweeps.errors import SweepError as SweepError
from crossbar.sweeps.fields import with_fields as with_fields
from crossbar.sweeps.netcdf import export_netcdf as export_netcdf
from crossbar.sweeps.pool import process_pool as process_pool
from crossbar.sweeps.results import SweepStatus as SweepStatus
from crossbar.sweeps.results import load_sweep as load_sweep
from crossbar.sweeps.results import sweep_failures as sweep_failures
from crossbar.sweeps.results import sweep_status as sweep_status
from crossbar.sweeps.sweep import Sweep as Sweep
