"""A sweep grows into a larger one as if it had been so from the start."""

from functools import partial

import pytest

from crossbar.sweeps import Sweep, load_sweep, sweep_status
from tests.crossbar.sweeps import sweep_points

AXES = {"sigma": [0.0, 0.1, 0.2], "bits": [4, 6]}


def sweep_of(trials=3, seed=11, outputs=sweep_points.OUTPUTS, **axes):
    return Sweep(axes={**AXES, **axes}, outputs=outputs, trials=trials, seed=seed)


def calls(folder):
    return len((folder / "log").read_text().splitlines())


@pytest.mark.parametrize(
    ("larger", "new_trials"),
    [
        ({"trials": 5}, 6 * 2),
        ({"sigma": [0.0, 0.05, 0.1, 0.2]}, 2 * 3),
        ({"sigma": [0.3, 0.2, 0.0, 0.1], "bits": [2, 4, 6]}, 6 * 3),
        ({"bits": [6, 5, 4], "trials": 4}, 3 * 4 + 6 * 1),
    ],
    ids=str,
)
@pytest.mark.parametrize("interrupted", [False, True])
@pytest.mark.filterwarnings("ignore:Since the sweep")
def test_finished_trials_stay_and_the_result_is_that_of_the_larger_sweep(larger, new_trials, interrupted, tmp_path):
    point = partial(sweep_points.slow, folder=tmp_path, seconds=0)
    expected = sweep_of(**larger).run(point, tmp_path / "expected.zarr")
    sweep_of().run(point, tmp_path / "s.zarr")
    if interrupted:
        with pytest.raises(KeyboardInterrupt):
            sweep_of(**larger).run(interrupting, tmp_path / "s.zarr", extend=True)
    before = calls(tmp_path)
    grown = sweep_of(**larger).run(point, tmp_path / "s.zarr", extend=True)
    assert calls(tmp_path) - before == new_trials
    assert grown.identical(expected)
    assert load_sweep(tmp_path / "s.zarr").identical(expected)
    assert sweep_of(**larger).run(point, tmp_path / "s.zarr").identical(expected)
    assert calls(tmp_path) - before == new_trials


def interrupting(parameters, *, generator):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "other",
    [
        {"trials": 2},
        {"seed": 12, "trials": 5},
        {"sigma": [0.0, 0.1]},
        {"bits": [4.0, 6.0, 8.0]},
        {"bits": ["4", "6", "8"]},
        {"bits": {"values": [4, 6, 8], "units": "bit"}},
        {"extra": [1, 2]},
        {"outputs": {"accuracy": {"units": "1"}}, "trials": 5},
    ],
    ids=str,
)
def test_what_is_no_growth_is_refused(other, tmp_path):
    before = sweep_of().run(sweep_points.noisy, tmp_path / "s.zarr")
    with pytest.raises(ValueError, match="holds another one"):
        sweep_of(**other).run(sweep_points.noisy, tmp_path / "s.zarr", extend=True)
    with pytest.raises(ValueError, match="holds another one"):
        sweep_of(trials=5).run(sweep_points.noisy, tmp_path / "s.zarr", config={"rows": 1}, extend=True)
    assert load_sweep(tmp_path / "s.zarr").identical(before)


def test_growth_is_offered_where_it_was_not_asked_for(tmp_path):
    sweep_of().run(sweep_points.noisy, tmp_path / "s.zarr")
    with pytest.raises(ValueError, match=r"`extend=True` adds them and keeps what is finished"):
        sweep_of(trials=5).run(sweep_points.noisy, tmp_path / "s.zarr")
    with pytest.raises(TypeError, match="`extend` must be a bool"):
        sweep_of().run(sweep_points.noisy, tmp_path / "s.zarr", extend=1)


def test_a_run_that_others_outgrow_ends_with_its_own_points(tmp_path):
    """Two people on one store: one extends it while the other's run goes on."""
    small, large = sweep_of(), sweep_of(trials=4, bits=[4, 6, 8])
    alone, whole = (s.run(sweep_points.noisy, tmp_path / f"{s.trials}.zarr") for s in (small, large))
    grown = []

    def outgrown(parameters, *, generator):
        if not grown:
            grown.append(True)
            grown.append(large.run(outgrown, tmp_path / "s.zarr", extend=True))
        return sweep_points.noisy(parameters, generator=generator)

    mine = small.run(outgrown, tmp_path / "s.zarr")
    assert mine.drop_attrs().identical(alone.drop_attrs())
    assert grown[1].drop_attrs().identical(whole.drop_attrs())
    assert load_sweep(tmp_path / "s.zarr").drop_attrs().identical(whole.drop_attrs())


def test_long_points_keep_their_trials_and_say_how_far_they_are(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("crossbar.sweeps.job._PATIENCE", 0.0)
    monkeypatch.setattr("crossbar.sweeps.bar._INTERVAL", 0.0)
    computed = []

    def point(parameters, *, generator):
        computed.append(1)
        if len(computed) == 6:
            status = sweep_status(tmp_path / "s.zarr")
            assert (status.points, status.done, status.trials, status.trials_in_all) == (2, 0, 5, 16)
            assert status.begun == ("bits=4",)
            assert 0 <= status.idle < 60
            raise KeyboardInterrupt
        return sweep_points.noisy({"sigma": 1.0, **parameters}, generator=generator)

    sweep = Sweep(axes={"bits": [4, 6]}, outputs=sweep_points.OUTPUTS, trials=8)
    with pytest.raises(KeyboardInterrupt):
        sweep.run(point, tmp_path / "s.zarr", progress=True)
    assert "trial 5 of 8" in capsys.readouterr().err
    assert load_sweep(tmp_path / "s.zarr").isnull().all()
    resumed = sweep.run(point, tmp_path / "s.zarr")
    assert len(computed) == 6 + 3 + 8
    assert resumed.identical(sweep.run(point, tmp_path / "whole.zarr"))
