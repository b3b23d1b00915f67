"""Importing the packages does nothing but import them."""

import subprocess
import sys

import pytest

_HEAVY = ("matplotlib", "zarr", "dask", "distributed", "sklearn", "tqdm", "netCDF4", "safetensors", "aihwkit")
_PROBE = """
import sys, torch, numpy, scipy, xarray
before = set(sys.modules)
threads, seed, dtype = torch.get_num_threads(), torch.initial_seed(), torch.get_default_dtype()
state = torch.get_rng_state()
import {package}
assert (threads, seed, dtype) == (torch.get_num_threads(), torch.initial_seed(), torch.get_default_dtype())
assert torch.equal(state, torch.get_rng_state())
print(",".join(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}} & set({heavy!r}))))
"""


@pytest.mark.parametrize(
    "package", ["devices", "mapping", "crossbar", "calibration", "crossbar.sweeps", "crossbar.plots"]
)
def test_import_is_silent_and_loads_no_optional_package(package, tmp_path):
    program = _PROBE.format(package=package, heavy=_HEAVY)
    # xarray looks for optional packages itself, before ours are imported; what it loads is not ours to answer for.
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
    assert done.stderr == ""


def test_help_of_every_command_loads_no_optional_package():
    program = f"""
import sys, torch, numpy, scipy, xarray
before = set(sys.modules)
from crossbar.command_line import main
try:
    main(["sweep", "--help"])
except SystemExit as stop:
    assert stop.code == 0
found = {{name.partition(".")[0] for name in set(sys.modules) - before}} & set({_HEAVY!r})
assert not found, found
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "study.toml" in done.stdout
