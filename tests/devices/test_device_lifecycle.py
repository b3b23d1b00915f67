"""Programmed once, drifting, read: what an array of cells keeps."""

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import devices
from tests.devices.device_tables import PRESETS

FULL = devices.Device(
    g_min=2e-6,
    g_max=20e-6,
    programming=devices.GaussianProgramming(spread=0.05),
    read_noise=devices.RelativeReadNoise(ratio=0.1),
    drift=devices.PowerLawDrift(nu=0.05, nu_spread=0.02),
    stuck=devices.StuckCells(at_g_min=0.05, at_g_max=0.03, open=0.02),
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def targets(device, shape=(40, 50), dtype=torch.float64):
    return device.g_min + device.window.span * torch.rand(shape, dtype=dtype, generator=seeded(99))


@pytest.mark.parametrize("device", [*PRESETS.values(), FULL], ids=[*PRESETS, "full"])
class TestEveryDevice:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_shapes_and_dtypes(self, device, dtype):
        target = targets(device, (2, 3, 4), dtype)
        cells = devices.program_cells(device, target, generator=seeded())
        for t in (0, 1.0, 86400.0):
            conductance = devices.conductance_at(device, cells, t)
            read = devices.read_conductance(device, cells, t, generator=seeded())
            assert conductance.shape == read.shape == target.shape
            assert conductance.dtype == read.dtype == dtype
            assert (conductance >= 0).all()
            assert (read >= 0).all()
            variance = devices.read_noise_variance(device, conductance, cells, t)
            assert (variance is None) == (device.read_noise is None or device.read_noise.draw == "programming")

    def test_same_seed_same_chip(self, device):
        target = targets(device)
        chips = [devices.program_cells(device, target, generator=seeded(4)) for _ in range(2)]
        first, again = (devices.conductance_at(device, cells, 3600.0) for cells in chips)
        assert torch.equal(first, again)
        torch.manual_seed(4)
        default = devices.program_cells(device, target)
        torch.manual_seed(4)
        assert torch.equal(default.programmed, devices.program_cells(device, target).programmed)

    def test_it_is_a_value(self, device):
        assert device == dataclasses.replace(device)
        assert hash(device) == hash(dataclasses.replace(device))

    def test_gradient_reaches_the_target(self, device):
        target = (targets(device, (3, 4)) * 1e6).requires_grad_()

        def read(g):
            cells = devices.program_cells(device, g * 1e-6, generator=seeded(1))
            return devices.read_conductance(device, cells, 100.0, generator=seeded(2)) * 1e6

        assert torch.autograd.gradcheck(read, (target,))


def test_one_effect_never_moves_the_draws_of_another():
    target = targets(FULL)
    quiet = dataclasses.replace(FULL, programming=devices.ExactProgramming())
    chip, exact = (devices.program_cells(device, target, generator=seeded(7)) for device in (FULL, quiet))
    assert torch.equal(chip.stuck, exact.stuck)
    assert torch.equal(chip.drift_state, exact.drift_state)
    sound = devices.program_cells(dataclasses.replace(FULL, stuck=None), target, generator=seeded(7))
    assert torch.equal(chip.programmed[~chip.stuck], sound.programmed[~chip.stuck])
    assert torch.equal(chip.drift_state, sound.drift_state)


def test_stuck_cells_survive_drift_and_frozen_noise():
    device = dataclasses.replace(FULL, read_noise=devices.RelativeReadNoise(ratio=0.1, draw="programming"))
    cells = devices.program_cells(device, targets(device), generator=seeded())
    later = devices.conductance_at(device, cells, 1e6)
    stuck_at = later[cells.stuck]
    assert torch.equal(stuck_at, cells.programmed[cells.stuck])
    expected = {0.0, device.g_min, device.g_max}
    assert set(stuck_at.tolist()) == expected
    assert not torch.equal(later[~cells.stuck], cells.programmed[~cells.stuck])


@pytest.mark.filterwarnings("ignore:`given` is deprecated")
def test_open_cells_make_no_noise():
    device = devices.Device(
        g_min=0.0,
        g_max=1e-5,
        read_noise=devices.AffineReadNoise(slope=0.0, offset=1e-7),
        stuck=devices.StuckCells(given=(("open", (0, 1)),)),
    )
    cells = devices.program_cells(device, torch.zeros(2, 2, dtype=torch.float64))
    variance = devices.read_noise_variance(device, cells.programmed, cells, 0.0)
    assert variance[0, 1] == 0
    assert variance[0, 0] == pytest.approx(1e-14)


def test_drift_can_be_redrawn_on_the_same_cells():
    cells = devices.program_cells(FULL, targets(FULL), generator=seeded(1))
    again = devices.redraw_drift(FULL, cells, generator=seeded(2))
    assert torch.equal(again.programmed, cells.programmed)
    assert not torch.equal(again.drift_state, cells.drift_state)


def test_reprogramming_is_the_same_in_distribution():
    device = dataclasses.replace(FULL, stuck=None)
    target = torch.full((100_000,), 10e-6, dtype=torch.float64)
    first, second = (devices.program_cells(device, target, generator=seeded(seed)).programmed for seed in (1, 2))
    assert not torch.equal(first, second)
    assert float(first.mean()) == pytest.approx(float(second.mean()), rel=2e-3)
    assert float(first.std()) == pytest.approx(float(second.std()), rel=2e-2)


def test_nothing_moves_at_time_zero():
    cells = devices.program_cells(FULL, targets(FULL), generator=seeded(1))
    assert torch.equal(devices.conductance_at(FULL, cells, 0), cells.programmed)


@given(nu=st.floats(-0.1, 0.3), t0=st.floats(0.1, 100), factor=st.floats(1, 1e6))
def test_power_law_is_the_formula(nu, t0, factor):
    device = devices.Device(g_min=1e-6, g_max=1e-4, drift=devices.PowerLawDrift(nu=nu, t0=t0))
    target = torch.tensor([1e-6, 3e-5, 1e-4], dtype=torch.float64)
    drifted = devices.conductance_at(device, devices.program_cells(device, target), t0 * factor)
    assert torch.allclose(drifted, target * factor**-nu, rtol=1e-9)


def test_spread_of_exponents():
    drift = devices.PowerLawDrift(nu=0.05, nu_spread=0.01)
    nu = drift.draw(torch.zeros(400_000, dtype=torch.float64), devices.Window(g_min=0.0, g_max=1.0), generator=seeded())
    assert float(nu.mean()) == pytest.approx(0.05, rel=1e-3)
    assert float(nu.std()) == pytest.approx(0.01, rel=1e-2)


def test_presets_are_the_papers():
    # Table of arXiv 2305.18416: R_on, on/off, nu, and the device-to-device spread at R_on.
    table = {
        "FeFET": (222.22e3, 100, 0.1, 0.05 / 222.22e3),
        "PCM_I": (250e3, 40, 0.04, 0.03 / 250e3 + 0.13e-6),
        "PCM_II": (125e3, 80, 0.04, 0.03 / 125e3 + 0.13e-6),
        "RRAM": (50e3, 10, 0.04, 0.1 / 50e3),
    }
    for name, (r_on, on_off, nu, sigma) in table.items():
        device = getattr(devices, name)
        assert 1 / device.g_max == pytest.approx(r_on)
        assert device.on_off_ratio == pytest.approx(on_off)
        assert device.levels == 16
        cells = devices.program_cells(device, torch.full((300_000,), device.g_max, dtype=torch.float64))
        assert torch.equal(cells.programmed, cells.target)
        start = devices.conductance_at(device, cells, 0.0)
        assert float(start.std()) == pytest.approx(sigma, rel=0.01)
        later = devices.conductance_at(device, cells, 1e4)
        assert float(later.mean()) == pytest.approx(float(start.mean()) * 1e4**-nu, rel=1e-3)


def test_levels_are_evenly_spaced():
    device = devices.RRAM
    levels = devices.level_conductances(device, torch.arange(16, dtype=torch.float64), number=16)
    assert levels[0] == device.g_min
    assert float(levels[-1]) == pytest.approx(device.g_max)
    assert torch.allclose(devices.snap_to_levels(device, levels + 0.4 * levels.diff()[0]), levels)
    between = (levels[:1] * 1e6).requires_grad_()
    (gradient,) = torch.autograd.grad(devices.snap_to_levels(device, between * 1e-6).sum(), between)
    assert float(gradient) == pytest.approx(1e-6)
    with pytest.raises(ValueError, match="`number` must be <= the 16 levels"):
        devices.level_conductances(device, torch.arange(32.0), number=32)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: devices.Device(g_min=2e-6, g_max=1e-6), ValueError, "`g_max` must be > `g_min`"),
        (lambda: devices.Device(g_min=-1e-6, g_max=1e-6), ValueError, "`g_min` must be >= 0"),
        (lambda: devices.Device(g_min=0.0, g_max=1e-6, levels=1), ValueError, "`levels` must be >= 2"),
        (lambda: devices.GaussianProgramming(spread=-0.1), ValueError, "`spread` must be >= 0. Got -0.1."),
        (lambda: devices.GaussianProgramming(spread=0.1, relative_to="g"), ValueError, "`relative_to` must be one of"),
        (lambda: devices.RelativeReadNoise(ratio=float("nan")), ValueError, "`ratio` must be finite"),
        (lambda: devices.RelativeReadNoise(ratio=0.1, draw="never"), ValueError, "`draw` must be one of"),
        (lambda: devices.AffineReadNoise(slope=0.1, offset=-1.0), ValueError, "`offset` must be >= 0"),
        (lambda: devices.PowerLawDrift(nu=0.1, nu_spread=-0.1), ValueError, "`nu_spread` must be >= 0"),
        (lambda: devices.PowerLawDrift(nu=0.1, t0=0.0), ValueError, "`t0` must be > 0"),
    ],
)
def test_bad_configs_are_refused(make, error, message):
    with pytest.raises(error, match=message.replace(".", r"\.") if message.endswith(".") else message):
        make()


def test_bad_input_is_refused():
    with pytest.raises(TypeError, match="floating-point tensor of siemens"):
        devices.program_cells(FULL, torch.ones(2, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match="finite conductances >= 0"):
        devices.program_cells(FULL, torch.tensor([1e-6, float("nan")]))
    with pytest.raises(ValueError, match="finite conductances >= 0"):
        devices.program_cells(FULL, torch.tensor([-1e-6]))
    cells = devices.program_cells(FULL, targets(FULL))
    with pytest.raises(ValueError, match="`t` must be >= 0"):
        devices.conductance_at(FULL, cells, -1.0)
    with pytest.raises(ValueError, match="what `draw` returned"):
        devices.conductance_at(FULL, dataclasses.replace(cells, drift_state=None), 10.0)
