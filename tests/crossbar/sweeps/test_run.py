"""The result of a sweep, and where its randomness comes from."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import xarray as xr

from crossbar.sweeps import Sweep, SweepError, export_netcdf, load_sweep, sweep_failures
from tests.crossbar.sweeps import sweep_points
from tests.crossbar.sweeps.test_fields import Config


def test_result_has_dimensions_coordinates_units_and_origin(sweep, tmp_path):
    dataset = sweep.run(sweep_points.noisy, tmp_path / "a" / "b.zarr", config=Config())
    assert dataset.accuracy.dims == ("sigma", "bits", "trial")
    assert dataset.accuracy.shape == sweep.shape
    assert dataset.accuracy.attrs == {"units": "1", "long_name": "accuracy"}
    assert dataset.energy.attrs == {"units": "J", "long_name": "energy per inference"}
    assert dataset.sigma.attrs == {"units": "S", "long_name": "sigma"}
    np.testing.assert_array_equal(dataset.sigma, [0.0, 0.1, 0.2])
    assert dataset.attrs["seed"] == 11
    assert json.loads(dataset.attrs["config"])["wires"]["row"] == 0.0
    assert json.loads(dataset.attrs["versions"])["torch"] == torch.__version__
    assert Sweep.from_json(dataset.attrs["specification"]) == sweep
    assert dataset.notnull().all()
    assert load_sweep(tmp_path / "a" / "b.zarr").identical(dataset)


def test_trials_have_the_same_seeds_at_every_point_and_differ_among_themselves(sweep, tmp_path):
    dataset = sweep.run(sweep_points.noisy, tmp_path / "s.zarr")
    draws = (dataset.accuracy - 1) / dataset.sigma
    np.testing.assert_allclose(draws.sel(sigma=0.1), draws.sel(sigma=0.2), rtol=1e-5)
    assert len(np.unique(dataset.accuracy.sel(sigma=0.1, bits=4))) == sweep.trials
    more = Sweep(axes={"sigma": [0.1], "bits": [4]}, outputs=sweep_points.OUTPUTS, trials=5, seed=11)
    longer = more.run(sweep_points.noisy, tmp_path / "more.zarr").accuracy.sel(sigma=0.1, bits=4)
    np.testing.assert_array_equal(longer[:3], dataset.accuracy.sel(sigma=0.1, bits=4))


def test_the_callers_random_stream_is_untouched(sweep, tmp_path):
    torch.manual_seed(0)
    expected = torch.rand(2)[1]
    torch.manual_seed(0)
    torch.rand(1)
    sweep.run(sweep_points.noisy, tmp_path / "s.zarr")
    assert torch.rand(1) == expected


def test_threads_give_the_same_numbers_although_they_share_the_default_stream(sweep, tmp_path):
    alone = sweep.run(sweep_points.noisy, tmp_path / "a.zarr")
    with ThreadPoolExecutor(4) as executor:
        assert sweep.run(sweep_points.noisy, tmp_path / "b.zarr", executor, in_flight=3).identical(alone)


class CountingExecutor(ThreadPoolExecutor):
    """Notes the largest number of jobs it held at a time."""

    largest = held = 0

    def submit(self, *arguments):
        self.held += 1
        self.largest = max(self.largest, self.held)
        future = super().submit(*arguments)
        future.add_done_callback(lambda _: setattr(self, "held", self.held - 1))
        return future


def test_a_bounded_number_of_jobs_is_in_flight(tmp_path):
    sweep = Sweep(axes={"sigma": np.linspace(0, 1, 40), "bits": [4]}, outputs=sweep_points.OUTPUTS)
    with CountingExecutor(2) as executor:
        sweep.run(sweep_points.noisy, tmp_path / "s.zarr", executor, in_flight=5)
    assert 2 <= executor.largest <= 5


def test_executors_without_true_futures_are_refused(sweep, tmp_path):
    class OtherExecutor:
        def submit(self, *arguments):
            return "job 17"

    with pytest.raises(TypeError, match="OtherExecutor returns str"):
        sweep.run(sweep_points.noisy, tmp_path / "s.zarr", OtherExecutor())


@pytest.mark.parametrize(("wrong", "name"), [(("point", None), "point"), ((1, None), "point"), ((None, 3), "executor")])
def test_what_cannot_run_is_refused_before_the_store_is_made(sweep, wrong, name, tmp_path):
    point, executor = wrong
    with pytest.raises(TypeError, match=f"`{name}` must be"):
        sweep.run(point or sweep_points.noisy, tmp_path / "s.zarr", executor)
    assert not (tmp_path / "s.zarr").exists()


@pytest.mark.parametrize(
    "values", [[0.5, 1.5], [1, 2], ["pcm", "a long name", ""], [True, False]], ids=["float", "int", "text", "bool"]
)
def test_every_kind_of_axis_is_stored_and_exported(values, tmp_path):
    def point(parameters, *, generator):
        return {
            "order": values.index(parameters["kind"]),
            "is_same_type": isinstance(parameters["kind"], type(values[0])),
        }

    sweep = Sweep(axes={"kind": values}, outputs={"order": {"units": "1"}, "is_same_type": {"units": "1"}}, trials=2)
    dataset = sweep.run(point, tmp_path / "s.zarr")
    assert dataset.kind.values.tolist() == values
    assert dataset.order[:, 1].values.tolist() == list(range(len(values)))
    assert (dataset.is_same_type == 1).all()
    assert dataset.order.sel(kind=values[1]).mean() == 1
    with xr.open_zarr(tmp_path / "s.zarr", consolidated=False) as direct:
        assert direct.kind.values.tolist() == values
        np.testing.assert_array_equal(direct["order"], dataset["order"])
    export_netcdf(dataset, tmp_path / "s.nc")
    with xr.open_dataset(tmp_path / "s.nc") as exported:
        assert exported.identical(dataset)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.nc", "s.zarr"]


def test_without_axes_a_sweep_is_one_point(tmp_path):
    def point(parameters, *, generator):
        return {"x": torch.rand((), generator=generator)}

    sweep = Sweep(axes={}, outputs={"x": {"units": "1"}}, trials=2000, seed=1)
    dataset = sweep.run(point, tmp_path / "s.zarr")
    assert dataset.x.dims == ("trial",)
    assert abs(float(dataset.x.mean()) - 0.5) < 4 * (1 / 12 / 2000) ** 0.5


def test_failing_points_keep_their_traceback_and_others_go_on(sweep, tmp_path):
    store = tmp_path / "s.zarr"
    with pytest.raises(SweepError, match="2 of 6 points are not computed") as caught:
        sweep.run(sweep_points.sometimes_fails, store)
    assert caught.value.failures == {
        "sigma=0.2, bits=4": "ArithmeticError: no luck at 4",
        "sigma=0.2, bits=6": "ArithmeticError: no luck at 6",
    }
    assert "sigma=0.2, bits=4: ArithmeticError: no luck at 4" in str(caught.value)
    failures = sweep_failures(store)
    assert failures.keys() == caught.value.failures.keys()
    assert "in sometimes_fails" in failures["sigma=0.2, bits=4"]
    partial = load_sweep(store)
    assert partial.accuracy.sel(sigma=0.2).isnull().all()
    assert partial.accuracy.sel(sigma=[0.0, 0.1]).notnull().all()
    with pytest.warns(UserWarning, match="the point function changed. What is finished there is kept"):
        healed = sweep.run(sweep_points.noisy, store)
    assert sweep_failures(store) == {}
    whole = sweep.run(sweep_points.noisy, tmp_path / "whole.zarr")
    xr.testing.assert_equal(healed, whole)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ({"x": 1.0, "y": 2.0}, "ValueError: The point must return x. Got x, y."),
        ({}, "ValueError: The point must return x. Got none."),
        (1.0, "TypeError: The point must return a dictionary of x. Got float."),
        ({"x": "good"}, "TypeError: The point must return a number as `x`. Got 'good'."),
        ({"x": torch.zeros(2)}, "TypeError: The point must return a number as `x`."),
        ({"x": None}, "TypeError: The point must return a number as `x`. Got None."),
    ],
)
def test_points_must_return_one_number_per_output(returned, message, tmp_path):
    sweep = Sweep(axes={}, outputs={"x": {"units": "1"}})
    with pytest.raises(SweepError, match="the only point") as caught:
        sweep.run(lambda parameters, *, generator: returned, tmp_path / "s.zarr")
    assert message in caught.value.failures["the only point"]


@pytest.mark.parametrize("number", [float("nan"), -float("nan"), float("inf"), -0.0, 5e-324])
def test_a_point_may_return_any_float_and_is_done(number, tmp_path):
    calls = []

    def point(parameters, *, generator):
        calls.append(1)
        return {"x": number}

    sweep = Sweep(axes={"a": [1]}, outputs={"x": {"units": "1"}}, trials=2)
    for _ in range(2):
        dataset = sweep.run(point, tmp_path / "s.zarr")
    assert len(calls) == 2
    np.testing.assert_array_equal(dataset.x, [[number, number]])


def test_exit_and_interrupt(sweep, tmp_path):
    def leaves(parameters, *, generator):
        sys.exit(3)

    with pytest.raises(SweepError, match="SystemExit: 3"):
        sweep.run(leaves, tmp_path / "s.zarr")

    def interrupted(parameters, *, generator):
        if parameters["sigma"] == 0.1:
            raise KeyboardInterrupt
        return sweep_points.noisy(parameters, generator=generator)

    with pytest.raises(KeyboardInterrupt):
        sweep.run(interrupted, tmp_path / "t.zarr")
    assert load_sweep(tmp_path / "t.zarr").accuracy.notnull().sum() == 2 * sweep.trials


def test_progress_shows_points(sweep, tmp_path, capsys):
    sweep.run(sweep_points.noisy, tmp_path / "s.zarr", progress=True)
    assert "6/6" in capsys.readouterr().err
    sweep.run(sweep_points.noisy, tmp_path / "s.zarr")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("module", ["zarr", "tqdm.auto", "netCDF4"])
def test_missing_extras_are_named(module, sweep, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)

    def use():
        dataset = sweep.run(sweep_points.noisy, tmp_path / "s.zarr", progress=True)
        export_netcdf(dataset, tmp_path / "s.nc")

    with pytest.raises(ImportError, match=rf"{module.split('.')[0]} is needed .*aimc-crossbar\[sweep\]"):
        use()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_flight": 0}, "`in_flight` must be >= 1"),
        ({"config": "{not json"}, "`config` must be JSON"),
        ({"config": {"device": object()}}, "`config` must be a dataclass or a value that JSON can hold"),
    ],
)
def test_bad_arguments_of_run_are_refused(arguments, message, sweep, tmp_path):
    with pytest.raises((ValueError, TypeError), match=message):
        sweep.run(sweep_points.noisy, tmp_path / "s.zarr", **arguments)
    assert list(tmp_path.iterdir()) == []
