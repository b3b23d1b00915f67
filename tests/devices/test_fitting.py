"""Devices fitted to synthetic measurements of known devices, and the data that must be refused."""

import numpy as np
import pytest
import torch
import xarray as xr

import devices

TRUE = devices.Device(
    g_min=2e-6,
    g_max=40e-6,
    programming=devices.PolynomialProgramming(coefficients=(0.4e-6, 2e-6, -1e-6), reference=40e-6),
    read_noise=devices.AffineReadNoise(slope=0.01, offset=5e-8),
    drift=devices.PowerLawDrift(nu=0.05, nu_spread=0.01, t0=1.0),
)
KNOWN = {
    "programming.coefficient_0": 0.4e-6,
    "programming.coefficient_1": 2e-6,
    "programming.coefficient_2": -1e-6,
    "read_noise.slope": 0.01,
    "read_noise.offset": 5e-8,
    "drift.nu": 0.05,
    "drift.nu_spread": 0.01,
}


def measure(device, seed=0, targets=10, cells=40, times=(1.0, 10.0, 100.0, 1e3), reads=5):
    generator = torch.Generator().manual_seed(seed)
    asked = torch.linspace(5e-6, 40e-6, targets, dtype=torch.float64).repeat_interleave(cells)
    programmed = devices.program_cells(device, asked, generator=generator)
    data = [
        [devices.read_conductance(device, programmed, t, generator=generator).numpy() for _ in range(reads)]
        for t in times
    ]
    return xr.Dataset(
        {"target": ("cell", asked.numpy()), "conductance": (("time", "read", "cell"), np.array(data))},
        {"time": list(times)},
    )


def test_known_parameters_are_recovered_within_their_errors():
    """Over 30 experiments the deviations are standard normal: the estimates are unbiased and the errors honest."""
    pulls = {name: [] for name in KNOWN}
    for seed in range(30):
        parameters = devices.fit(measure(TRUE, seed)).parameters
        for name, true in KNOWN.items():
            row = parameters.sel(parameter=name)
            pulls[name].append((float(row.value) - true) / float(row.standard_error))
    for name, values in pulls.items():
        assert abs(np.mean(values)) < 4 / 30**0.5, name
        assert 0.6 < np.std(values) < 1.5, name


def test_a_large_experiment_pins_the_device_down():
    fitted = devices.fit(measure(TRUE, cells=1000))
    window = TRUE.window
    g = torch.linspace(5e-6, 40e-6, 20, dtype=torch.float64)
    assert torch.allclose(fitted.device.programming.sigma(g, window), TRUE.programming.sigma(g, window), rtol=0.05)
    for ask in (TRUE, fitted.device):
        assert ask.read_noise.sigma(g, target=g, window=window, t=1.0).isfinite().all()
    assert fitted.device.drift.nu == pytest.approx(0.05, rel=0.01)
    assert fitted.device.drift.nu_spread == pytest.approx(0.01, rel=0.05)
    assert fitted.device.drift.t0 == 1.0
    assert (fitted.goodness.p_value > 1e-3).all()
    assert np.allclose(fitted.goodness.reduced_chi_squared, 1, atol=0.1)
    assert fitted.device.validity.max_time == 1e3
    # The fitted device is a device like any other.
    cells = devices.program_cells(fitted.device, g)
    assert devices.conductance_at(fitted.device, cells, 100.0).shape == g.shape


def test_csv_and_dataset_give_the_same_device(tmp_path):
    data = measure(TRUE, cells=10)
    path = tmp_path / "cells.csv"
    with path.open("w") as file:
        file.write("cell,target,conductance,time\n")
        for cell in range(data.sizes["cell"]):
            for time in range(data.sizes["time"]):
                for read in range(data.sizes["read"]):
                    g = float(data.conductance[time, read, cell])
                    file.write(f"{cell},{float(data.target[cell])!r},{g!r},{float(data.time[time])!r}\n")
    one, other = devices.fit(data), devices.fit(path)
    assert np.allclose(one.parameters.value, other.parameters.value, rtol=1e-6)


def test_units_are_read_from_the_data_or_given():
    data = measure(TRUE, cells=10)
    expected = devices.fit(data).parameters.value
    micro = data.assign(target=data.target * 1e6, conductance=data.conductance * 1e6)
    with pytest.raises(ValueError, match=r'must be in siemens. Got up to 4.*; pass `unit="uS"`'):
        devices.fit(micro)
    assert np.allclose(devices.fit(micro, unit="uS").parameters.value, expected, rtol=1e-4)
    for name in ("target", "conductance"):
        micro[name].attrs["units"] = "uS"
    assert np.allclose(devices.fit(micro).parameters.value, expected, rtol=1e-4)
    with pytest.raises(ValueError, match="`unit of target` must be one of"):
        devices.fit(data, unit="ohm")


def test_missing_values_are_left_out():
    data = measure(TRUE, cells=20)
    holes = data.copy(deep=True)
    holes.conductance[2, :, ::3] = np.nan
    assert float(devices.fit(holes).parameters.value.sel(parameter="drift.nu")) == pytest.approx(0.05, rel=0.05)


def test_what_was_not_measured_is_not_fitted():
    once = devices.fit(measure(TRUE, times=(1.0,), reads=1, cells=50))
    assert once.device.read_noise is None
    assert once.device.drift is None
    exact = devices.Device(g_min=2e-6, g_max=40e-6)
    perfect = devices.fit(measure(exact, reads=1, times=(1.0,)))
    assert perfect.device.programming == devices.ExactProgramming()


def test_drift_without_repeated_reads_uses_the_third_time():
    fitted = devices.fit(measure(TRUE, reads=1, cells=300))
    assert fitted.device.drift.nu == pytest.approx(0.05, rel=0.02)
    assert fitted.device.drift.nu_spread == pytest.approx(0.01, rel=0.1)


def test_a_law_that_does_not_hold_is_pointed_out():
    lognormal = devices.Device(g_min=2e-6, g_max=40e-6, programming=devices.LognormalProgramming(log_spread=0.8))
    with pytest.warns(devices.PoorFitWarning, match="programming does not describe the data"):
        devices.fit(measure(lognormal, times=(1.0,), reads=1, cells=200))


def contradictory():
    data = measure(TRUE)
    two_targets = data.target.expand_dims(time=data.time).copy()
    two_targets[1] *= 2
    return data.assign(target=two_targets)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: measure(TRUE).drop_vars("target"), "Got no target"),
        (lambda: measure(TRUE, targets=2), "`degree` 2 needs at least 3 different targets. Got 2.*`degree=1`"),
        (lambda: measure(TRUE, targets=3, cells=2), "at least 20 cells. Got 6"),
        (lambda: measure(TRUE, reads=1, times=(1.0, 10.0)), "no third time and no repeated reads: measure either"),
        (contradictory, "`target` must be the same for all reads of a cell. Got 400 cells with two or more"),
        (lambda: measure(TRUE) * -1, "`target` must be >= 0"),
        (lambda: measure(TRUE).isel(read=[0, 1], time=[0], cell=slice(0, 400, 40)), "at least 20 repeated reads"),
        (lambda: measure(TRUE) * np.nan, "Got none that is finite"),
    ],
)
def test_too_little_or_contradictory_data_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        devices.fit(data())


def test_cells_at_zero_have_no_power_law():
    data = measure(TRUE)
    data.conductance[1, :, 3] = 0
    with pytest.raises(ValueError, match="measured at 0 S; leave them out"):
        devices.fit(data)


def test_cells_that_are_off_say_nothing_of_read_noise():
    """Fit cells of which a tenth always read 0 S; a warning of numpy's would fail the test."""
    rng = np.random.default_rng(0)
    target = np.linspace(0, 20e-6, 10).repeat(30)
    reads = target[:, None] * (1 + 0.03 * rng.standard_normal((len(target), 8)))
    data = xr.Dataset({"conductance": (("cell", "read"), reads)}, {"target": ("cell", target), "time": 1.0})
    noise = devices.fit(data).device.read_noise
    assert abs(noise.slope - 0.03) < 4 * 0.03 / np.sqrt(2 * 7 * 270)
    assert noise.offset < 1e-8


def test_a_csv_without_a_header_is_refused(tmp_path):
    path = tmp_path / "cells.csv"
    path.write_text("1e-6,1e-6,1.0\n2e-6,2e-6,1.0\n")
    with pytest.raises(ValueError, match="must have the columns target, conductance and time"):
        devices.fit(path)


def test_a_spread_of_the_wrong_form_is_pointed_out():
    """Residuals of a constant fitted to a spread that grows sixfold look nearly normal as a whole (p = 0.005 before)."""
    growing = devices.PolynomialProgramming(coefficients=(0.0, 3e-6), reference=40e-6)
    device = devices.Device(g_min=2e-6, g_max=40e-6, programming=growing)
    data = measure(device, times=(1.0,), reads=1, targets=5, cells=50)
    with pytest.warns(devices.PoorFitWarning, match="programming does not describe the data"):
        flat = devices.fit(data, degree=0)
    assert float(flat.goodness.p_value.sel(effect="programming")) < 1e-6
    assert float(devices.fit(data, degree=1).goodness.p_value.sel(effect="programming")) > 1e-2


def test_the_right_form_is_hardly_ever_blamed():
    """The p-value under the true law: of 30 experiments about 3 lie below 0.1."""
    found = [devices.fit(measure(TRUE, seed, times=(1.0,), reads=3)).goodness.p_value.values for seed in range(30)]
    assert (np.array(found) < 0.1).mean(0).max() < 0.25


def test_a_table_and_a_file_give_the_same_device(tmp_path):
    frame = measure(TRUE, cells=10).to_dataframe().reset_index()
    frame.to_csv(tmp_path / "cells.csv", index=False)
    frame["cell"] = [f"chip A, cell {number}" for number in frame["cell"]]
    one, other = devices.fit(frame), devices.fit(tmp_path / "cells.csv")
    assert np.allclose(one.parameters.value, other.parameters.value, rtol=1e-9)
    indexed = devices.fit(frame.set_index(["cell", "time", "read"]))
    assert np.allclose(one.parameters.value, indexed.parameters.value, rtol=1e-6)


def test_several_times_without_cells_are_refused(tmp_path):
    frame = measure(TRUE, cells=10).to_dataframe().reset_index().drop(columns="cell")
    frame.to_csv(tmp_path / "cells.csv", index=False)
    for data in (frame, tmp_path / "cells.csv"):
        with pytest.raises(ValueError, match=r"column `cell` where there are several times.*Got 4 times"):
            devices.fit(data)
    once = frame[frame.time == 1.0]
    assert devices.fit(once).device.drift is None


@pytest.mark.parametrize("data", [None, 3, np.zeros((3, 3)), xr.DataArray([1.0])])
def test_what_is_no_data_is_refused(data):
    with pytest.raises(TypeError, match="`data` must be a Dataset or a Columns or a str or a PathLike"):
        devices.fit(data)
