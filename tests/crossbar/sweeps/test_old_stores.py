"""Stores of version 0.1 are read, resumed and damaged as they were."""

from functools import partial

import pytest
import xarray as xr

from crossbar.sweeps import load_sweep, sweep_failures, sweep_status
from tests.crossbar.sweeps import sweep_points
from tests.crossbar.sweeps.old_store import write_old_store

CHUNKS = ["accuracy/c/1/0/0", "energy/c/1/0/0", "jobs/mark/c/1/0"]


@pytest.fixture
def slow(tmp_path):
    return partial(sweep_points.slow, folder=tmp_path, seconds=0)


def calls(folder):
    return (folder / "log").read_text().splitlines() if (folder / "log").exists() else []


def test_an_old_store_is_read_and_becomes_a_new_one(sweep, slow, tmp_path):
    whole = sweep.run(slow, tmp_path / "new.zarr")
    (tmp_path / "log").unlink()
    write_old_store(tmp_path / "s.zarr", sweep, whole)
    xr.testing.assert_identical(load_sweep(tmp_path / "s.zarr").drop_attrs(), whole.drop_attrs())
    for _ in range(2):
        assert sweep.run(slow, tmp_path / "s.zarr").identical(whole)
        assert load_sweep(tmp_path / "s.zarr").identical(whole)
    assert calls(tmp_path) == []
    assert not (tmp_path / "s.zarr" / "jobs" / "mark").exists()
    with xr.open_zarr(tmp_path / "s.zarr", consolidated=False) as direct:
        xr.testing.assert_equal(direct.load(), whole)


def test_failures_and_interruptions_of_an_old_store_are_known(sweep, slow, tmp_path):
    whole = sweep.run(slow, tmp_path / "new.zarr")
    (tmp_path / "log").unlink()
    write_old_store(tmp_path / "s.zarr", sweep, whole, failed=(0, 0), started=(0, 1))
    assert sweep_failures(tmp_path / "s.zarr") == {"sigma=0.0, bits=4": "Traceback: ArithmeticError: no luck"}
    assert sweep_status(tmp_path / "s.zarr").begun == ("sigma=0.0, bits=6",)
    assert sweep.run(slow, tmp_path / "s.zarr").identical(whole)
    # What was running when it was interrupted comes last.
    assert [line.split()[1] for line in calls(tmp_path)] == ["4"] * 3 + ["6"] * 3


@pytest.mark.parametrize("name", CHUNKS)
@pytest.mark.parametrize("damage", ["absent", "empty", "cut", "flipped"])
def test_a_damaged_chunk_is_computed_again_and_no_other(name, damage, sweep, slow, tmp_path):
    whole = sweep.run(slow, tmp_path / "new.zarr")
    (tmp_path / "log").unlink()
    write_old_store(tmp_path / "s.zarr", sweep, whole)
    chunk = tmp_path / "s.zarr" / name
    content = chunk.read_bytes()
    chunk.write_bytes({"empty": b"", "cut": content[:-3]}.get(damage, bytes([content[0] ^ 1]) + content[1:]))
    if damage == "absent":
        chunk.unlink()
    partly = load_sweep(tmp_path / "s.zarr")
    assert partly.accuracy.isnull().sum() == partly.energy.isnull().sum() == 3
    assert sweep.run(slow, tmp_path / "s.zarr").identical(whole)
    assert {line.split()[0] + " " + line.split()[1] for line in calls(tmp_path)} == {"0.1 4"}
