"""What the drifts must do beyond their moments."""

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import devices
from devices import curves
from tests.devices.device_tables import RELAXATION

DAY = 86400.0


def programmed(device, target, seed=0):
    return devices.program_cells(device, target, generator=torch.Generator().manual_seed(seed))


def test_relaxation_keeps_the_programming_error():
    device = devices.RRAM_WAN_2022
    cells = programmed(device, torch.full((200_000,), 20e-6, dtype=torch.float64))
    error = cells.programmed - cells.target
    later = devices.conductance_at(device, cells, DAY) - cells.target
    correlation = float(torch.corrcoef(torch.stack([error, later]))[0, 1])
    assert correlation == pytest.approx(float(error.std() / later.std()), abs=0.01)
    assert torch.equal(devices.conductance_at(device, cells, 1.0), cells.programmed)


def test_relaxation_does_not_go_beyond_its_data():
    cells = programmed(devices.RRAM_WAN_2022, torch.full((3,), 20e-6))
    with pytest.raises(ValueError, match=r"`t` must be <= 172800 s.*Got 300000 s"):
        devices.conductance_at(devices.RRAM_WAN_2022, cells, 3e5)


@given(t=st.floats(0.0, 1e5))
def test_relaxation_interpolates_between_its_measurements(t):
    target = torch.linspace(0, 40e-6, 9, dtype=torch.float64)
    sigma = RELAXATION.sigma(target, t)
    measured = torch.stack([RELAXATION.sigma(target, time) for time in RELAXATION.times])
    assert (sigma >= measured.min(dim=0).values - 1e-12).all()
    assert (sigma <= measured.max(dim=0).values + 1e-12).all()


def test_relaxation_is_continuous_at_its_measurements():
    target = torch.linspace(1e-6, 40e-6, 9, dtype=torch.float64)
    for time in RELAXATION.times[1:]:
        before = RELAXATION.sigma(target, time * (1 - 1e-9))
        assert torch.allclose(before, RELAXATION.sigma(target, time), rtol=1e-6)


def test_wan_error_grows_everywhere_in_its_window():
    target = torch.linspace(1e-6, 40e-6, 400, dtype=torch.float64)
    drift = devices.RRAM_WAN_2022.drift
    for t in (10.0, 3600.0, DAY, 2 * DAY):
        assert (drift.sigma(target, t) > drift.sigma(target, 1.0)).all()


def test_arrhenius_is_another_clock():
    cold = devices.PowerLawDrift(nu=0.05, nu_spread=0.01)
    warm = devices.ArrheniusDrift(drift=cold, activation_energy=1.0, temperature=358.15, measured_temperature=298.15)
    # 1 eV between 25 and 85 C: exp(11604.5 * (1/298.15 - 1/358.15)) = 678.
    assert warm.acceleration == pytest.approx(678, rel=2e-3)
    target = torch.full((50,), 2e-5, dtype=torch.float64)
    window = devices.Window(g_min=0.0, g_max=4e-5)
    state = cold.draw(target, window, generator=torch.Generator().manual_seed(0))
    hot = warm.apply(target, target=target, state=state, t=100.0, window=window)
    late = cold.apply(target, target=target, state=state, t=100.0 * warm.acceleration, window=window)
    assert torch.allclose(hot, late)
    still = dataclasses.replace(warm, temperature=298.15)
    assert still.acceleration == 1


def test_drifts_move_nothing_before_their_first_time():
    target = torch.full((20,), 2e-5, dtype=torch.float64)
    for device in devices.find_presets().values():
        exact = dataclasses.replace(device, read_noise=None, validity=None)
        first_time = 0.0 if device is devices.SONOS_2022 else 0.5
        cells = programmed(exact, target)
        assert torch.equal(devices.conductance_at(exact, cells, first_time), cells.programmed)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dataclasses.replace(RELAXATION, times=(1.0, 1.0, 2.0)), "`times` must increase strictly"),
        (lambda: dataclasses.replace(RELAXATION, times=(1.0, 2.0)), "`sigmas` must hold one curve per time, 2"),
        (lambda: dataclasses.replace(RELAXATION, times=(0.0, 1.0, 2.0)), 'Use interpolation="linear" from 0 s on'),
        (lambda: dataclasses.replace(RELAXATION, reference=0.0), "`reference` must be > 0"),
        (lambda: devices.LogarithmicDrift(mean_slope=0.0, spread_slope=-1.0), "`spread_slope` must be >= 0"),
        (
            lambda: devices.ArrheniusDrift(
                drift=devices.PowerLawDrift(nu=0.1), activation_energy=1.0, temperature=-3.0
            ),
            "`temperature` must be > 0",
        ),
        (lambda: devices.TelegraphReadNoise(on_fraction=1.0, amplitude=0.1), r"`on_fraction` must lie inside \(0, 1\)"),
        (lambda: devices.WriteVerifyProgramming(acceptance=0.0, spread=1.0), "`acceptance` must be > 0"),
        (lambda: devices.TableProgramming(conductances=(1e-6, 1e-6), sigmas=(0.0, 0.0)), "must increase strictly"),
        (lambda: devices.TableProgramming(conductances=(1e-6, 2e-6), sigmas=(0.0,)), "exactly 2 numbers. Got 1"),
        (lambda: devices.PolynomialProgramming(coefficients=(), reference=1e-6), "at least 1 numbers. Got 0"),
        (lambda: curves.ClampedLogarithm(slope=1.0, intercept=0.0, low=2.0, high=1.0), "`low` must be <= `high`"),
        (lambda: devices.ThermalShotReadNoise(bandwidth=1e6, read_voltage=0.0), "`read_voltage` must be > 0"),
    ],
)
def test_bad_configs_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_coefficients_must_be_a_tuple():
    with pytest.raises(TypeError, match="`coefficients` must be a tuple of numbers"):
        devices.PolynomialProgramming(coefficients=[1e-6], reference=1e-6)
