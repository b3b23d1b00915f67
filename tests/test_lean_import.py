"""Importing the packages does nothing but import them."""

import subprocess
import sys

_PROGRAM = """
import sys, torch, numpy, scipy, xarray
# xarray looks for optional packages itself; what it loads is not ours to answer for.
before = set(sys.modules)
state, threads, dtype = torch.get_rng_state(), torch.get_num_threads(), torch.get_default_dtype()
import devices, mapping, crossbar, calibration, crossbar.sweeps, crossbar.plots, crossbar.examples
from crossbar.command_line import main
assert torch.equal(state, torch.get_rng_state())
assert (threads, dtype) == (torch.get_num_threads(), torch.get_default_dtype())
heavy = {"matplotlib", "zarr", "dask", "distributed", "sklearn", "tqdm", "netCDF4", "safetensors", "aihwkit"}
assert "torch._dynamo" not in set(sys.modules) - before, "the compiler is loaded"
assert not heavy & {name.partition(".")[0] for name in set(sys.modules) - before}
"""


def test_import_is_silent_and_loads_no_optional_package():
    done = subprocess.run([sys.executable, "-W", "error", "-c", _PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""
