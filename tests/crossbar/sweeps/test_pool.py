"""Process pools: models loaded once, threads set, functions that can be found."""

import sys
import types
from functools import partial

import pytest

from crossbar.sweeps import SweepError, process_pool
from tests.crossbar.sweeps import sweep_points


@pytest.fixture(scope="module")
def pool():
    with process_pool(2) as pool:
        yield pool


def pids(path):
    return path.read_text().split()


def test_same_result_model_and_setup_once_per_worker(pool, sweep, tmp_path):
    point = partial(sweep_points.uses_model, folder=tmp_path)
    setup = partial(sweep_points.note_setup, tmp_path)
    parallel = sweep.run(point, tmp_path / "a.zarr", pool, setup=setup)
    for path in (tmp_path / "loads", tmp_path / "setups"):
        assert 1 <= len(pids(path)) == len(set(pids(path))) <= 2
    before = len(pids(tmp_path / "setups"))
    assert parallel.identical(sweep.run(point, tmp_path / "b.zarr", setup=setup))
    assert len(pids(tmp_path / "setups")) == before + 1


def test_workers_have_one_torch_thread_each(pool, sweep, tmp_path):
    assert (sweep.run(sweep_points.reports_threads, tmp_path / "a.zarr", pool).accuracy == 1).all()


def test_failures_come_back_from_workers(pool, sweep, tmp_path):
    with pytest.raises(SweepError, match="ArithmeticError: no luck at 4") as caught:
        sweep.run(sweep_points.sometimes_fails, tmp_path / "s.zarr", pool)
    assert len(caught.value.failures) == 2


def test_a_failing_setup_is_a_failure_of_each_point(sweep, tmp_path):
    def missing():
        raise FileNotFoundError("no data set here")

    with pytest.raises(SweepError, match="FileNotFoundError: no data set here"):
        sweep.run(sweep_points.noisy, tmp_path / "s.zarr", setup=missing)


def test_functions_workers_cannot_import_are_refused_first(pool, sweep, tmp_path, monkeypatch):
    with pytest.raises(TypeError, match="`point` must be a function at the top of a module"):
        sweep.run(lambda parameters, *, generator: {}, tmp_path / "s.zarr", pool)
    with pytest.raises(TypeError, match="`setup` must be a function at the top of a module"):
        sweep.run(sweep_points.noisy, tmp_path / "s.zarr", pool, setup=lambda: None)
    assert not (tmp_path / "s.zarr").exists()


def test_functions_of_a_notebook_are_refused_first(pool, sweep, tmp_path, monkeypatch):
    def point(parameters, *, generator):
        return sweep_points.noisy(parameters, generator=generator)

    notebook = types.ModuleType("__main__")
    notebook.point = point
    point.__module__, point.__qualname__ = "__main__", "point"
    monkeypatch.setitem(sys.modules, "__main__", notebook)
    for function in (point, partial(point)):
        with pytest.raises(TypeError, match=r"`point` must stand in a file.*Move it to a module beside the notebook"):
            sweep.run(function, tmp_path / "s.zarr", pool)


def test_a_closed_pool_says_so(sweep, tmp_path):
    pool = process_pool(1)
    pool.shutdown()
    with pytest.raises(SweepError, match="cannot schedule new futures after shutdown"):
        sweep.run(sweep_points.noisy, tmp_path / "s.zarr", pool)


@pytest.mark.parametrize("arguments", [{"workers": 0}, {"workers": 1.5}, {"torch_threads": 0}])
def test_bad_pools_are_refused(arguments):
    with pytest.raises((ValueError, TypeError), match="must be"):
        process_pool(**arguments)
