"""The main job, end to end."""

import numpy as np
import pytest
import xarray as xr

from crossbar.command_line import main
from crossbar.examples import accuracy, load_cifar10, load_resnet20


def test_demo_writes_table_results_and_figure(tmp_path, capsys):
    assert main(["demo", "--chips", "2", "--output", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "digital accuracy" in printed
    assert "recovered" in printed
    with xr.open_dataset(tmp_path / "results.nc") as results:
        assert results.accuracy_after.dims == ("read_noise", "wire_scale", "time", "chip")
        assert results.accuracy_after.attrs["units"] == "1"
        assert results.time.attrs["units"] == "s"
        assert float(results.accuracy_digital) > 0.93
        for name in ("config", "versions", "seed", "created"):
            assert name in results.attrs
        assert np.isfinite(results.accuracy_before.values).all()
        worst = results.sel(read_noise=0.1, wire_scale=1.0)
        assert (worst.accuracy_after.mean(("time", "chip")) > worst.accuracy_before.mean(("time", "chip")) + 0.3).all()
        assert float(results.accuracy_after.sel(read_noise=0.1).min()) > 0.85
    assert (tmp_path / "accuracy.png").stat().st_size > 20_000


def test_a_quick_demo_has_the_ends_of_the_axes(tmp_path, capsys):
    assert main(["demo", "--quick", "--output", str(tmp_path)]) == 0
    assert "2 chips" in capsys.readouterr().out
    with xr.open_dataset(tmp_path / "results.nc") as results:
        assert results.accuracy_after.shape == (2, 2, 2, 2)
    assert (tmp_path / "accuracy.png").stat().st_size > 20_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--chips", "0"], "`chips` must be >= 1"),
        (["demo", "--model", "resnet20"], "`data` must name the folder"),
        (["demo", "--model", "resnet20", "--data", "nowhere"], "cifar10.npz is missing"),
    ],
)
def test_what_cannot_be_run_is_said(arguments, message, capsys, tmp_path):
    assert main([*arguments, "--output", str(tmp_path)]) == 1
    assert message in capsys.readouterr().err


def test_unknown_arguments_exit_with_two():
    with pytest.raises(SystemExit) as stop:
        main(["demo", "--device", "Flash"])
    assert stop.value.code == 2


@pytest.mark.data
def test_trained_resnet20_has_its_stated_accuracy(data_folder):
    _, test = load_cifar10(data_folder, train=10, test=1000)
    assert accuracy(load_resnet20(data_folder), test) == pytest.approx(0.892, abs=0.002)
